import * as attachments from './attachments/api.ts'
import * as backups from './backups/api.ts'
import createBackup from './backups/create.ts'
import * as backupRecords from './backups/record.ts'
import * as backupRemoval from './backups/remove.ts'
import restoreBackup from './backups/restore.ts'
import groups from './groups/api.ts'
import groupSnapshots from './groups/snapshots.ts'
import groupTypes from './groups/types.ts'
import messages from './messages/api.ts'
import hosts from './operate/hosts.ts'
import rest from './operate/rest.ts'
import quotas from './quotas/api.ts'
import { volume } from './service.ts'
import * as snapshots from './snapshots/api.ts'
import transfers from './transfers/api.ts'
import * as types from './types/api.ts'
import qos from './types/qos.ts'
import specs, { encryption } from './types/specs.ts'
import admin from './volumes/actions/admin.ts'
import attach from './volumes/actions/attach.ts'
import { reimage, revert, uploadImage } from './volumes/actions/content.ts'
import extend from './volumes/actions/grow.ts'
import * as volumes from './volumes/api.ts'
import create from './volumes/create.ts'
import * as lists from './volumes/list.ts'

export default volume.serve([
  lists.list, lists.detail, lists.summary, create, volumes.show, volumes.update, volumes.remove, volumes.forceDelete, volumes.metadata, volumes.encryption,
  extend, uploadImage, revert, reimage, attach, admin,
  snapshots.list, snapshots.detail, snapshots.create, snapshots.show, snapshots.update, snapshots.remove, snapshots.actions, snapshots.metadata,
  backups.list, backups.detail, createBackup, backupRecords.importRecord, backups.show, backups.update, backupRemoval.remove, backupRemoval.actions, restoreBackup, backupRecords.exportRecord,
  attachments.list, attachments.detail, attachments.create, attachments.show, attachments.update, attachments.complete, attachments.remove,
  types.list, types.standard, types.create, types.show, types.update, types.remove, types.access, types.defaultTypes, specs, encryption, qos,
  transfers, messages, quotas, groupTypes, groups, groupSnapshots, hosts, rest,
])
