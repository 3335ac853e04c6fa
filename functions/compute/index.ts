import aggregates from './aggregates/api.ts'
import extensions from './extensions.ts'
import flavors from './flavors/api.ts'
import gone from './gone/api.ts'
import groups from './groups/api.ts'
import hypervisors from './hosts/hypervisors.ts'
import services from './hosts/services.ts'
import keypairs from './keypairs/api.ts'
import quotas from './quotas/api.ts'
import oldImages from './proxies/images.ts'
import oldNetworks from './proxies/networks.ts'
import oldVolumes from './proxies/volumes.ts'
import about from './servers/about.ts'
import groupsOfServers from './servers/actions/groups.ts'
import image from './servers/actions/image.ts'
import power from './servers/actions/power.ts'
import rebuild from './servers/actions/rebuild.ts'
import rescue from './servers/actions/rescue.ts'
import resize from './servers/actions/resize.ts'
import shelve from './servers/actions/shelve.ts'
import small from './servers/actions/small.ts'
import consoles from './servers/consoles.ts'
import create from './servers/create.ts'
import remove from './servers/delete.ts'
import interfaces from './servers/interfaces.ts'
import { detail, list } from './servers/list.ts'
import metadata from './servers/metadata.ts'
import evacuate from './servers/moves/evacuate.ts'
import migrate from './servers/moves/migrate.ts'
import moves from './servers/moves/api.ts'
import show from './servers/show.ts'
import tags from './servers/tags.ts'
import timeline from './servers/timeline.ts'
import update from './servers/update.ts'
import volumes from './servers/volumes.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { compute } from './service.ts'
import usage from './usage/api.ts'

/** An old name of `/servers`, for what existed when it was in use. */
const volumesBoot = (list: Endpoint[]) => list.filter((e) => !e.key || ['confirmResize', 'revertResize', 'reboot', 'resize', 'rebuild', 'createImage', 'os-start', 'os-stop', 'trigger_crash_dump'].includes(e.key))
  .map((e) => ({ ...e, id: e.id.replace('servers', 'volumes_boot'), path: e.path.replace('/servers', '/os-volumes_boot') }))

/** The compute service at a glance. */
export default compute.serve([
  create, list, detail, show, update, remove,
  power, rebuild, resize, image, rescue, shelve, groupsOfServers, migrate, evacuate, moves, small,
  volumesBoot([create, list, detail, show, update, remove, power, rebuild, resize, image, small].flat()),
  metadata, tags, volumes, interfaces, timeline, about, consoles,
  flavors, keypairs, groups, quotas, usage,
  hypervisors, services, aggregates, extensions, gone,
  oldImages, oldNetworks, oldVolumes,
])
