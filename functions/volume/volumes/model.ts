import type { attachment, snapshot, volume } from '../../../schema/volume.ts'

export type VolumeRow = typeof volume.$inferSelect
export type AttachmentRow = typeof attachment.$inferSelect
export type SnapshotRow = typeof snapshot.$inferSelect

/** In these nothing works on the volume, and it can be deleted without force. */
export const DELETABLE = ['available', 'error', 'error_restoring', 'error_extending', 'error_managing', 'error_deleting']
/** What an operator may write with reset_status. */
export const STATUSES = ['creating', 'available', 'deleting', 'error', 'error_deleting', 'error_managing', 'managing', 'attaching', 'in-use', 'detaching', 'maintenance', 'restoring-backup', 'error_restoring', 'reserved', 'awaiting-transfer', 'backing-up', 'error_backing-up', 'error_extending', 'downloading', 'uploading', 'retyping', 'extending']
