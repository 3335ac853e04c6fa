import { randomBytes } from 'node:crypto'
import type { GuestData } from '../../schema/hosts.ts'

/** Versions of the document tree, oldest first; a guest may ask for any of them, or for `latest`. */
export const openstackVersions = [
  '2012-08-10', '2013-04-04', '2013-10-17', '2015-10-15', '2016-06-30', '2016-10-06', '2017-02-22', '2018-08-27', '2020-10-14',
] as const
const newest = openstackVersions[openstackVersions.length - 1]

export interface Document { json?: unknown; bytes?: Uint8Array; text?: string }
export type Documents = Record<string, Document>

/** Everything below `openstack/VERSION/`; undefined for a version that never was. Versions are dates, so they compare as text. */
export function openstackTree(guest: GuestData, asked: string, more: Record<string, unknown> = {}): Documents | undefined {
  const version = asked === 'latest' ? newest : asked
  if (!(openstackVersions as readonly string[]).includes(version)) return undefined
  const since = (first: string, documents: Documents) => version >= first ? documents : {}
  return {
    'meta_data.json': { json: { ...metaData(guest, version), ...more } },
    ...(guest.userData && { user_data: { bytes: Buffer.from(guest.userData, 'base64') } }),
    ...since('2013-04-04', { password: { text: guest.password ?? '' } }),
    ...since('2013-10-17', { 'vendor_data.json': { json: {} } }),
    ...since('2015-10-15', { 'network_data.json': { json: guest.networkData } }),
    ...since('2016-10-06', { 'vendor_data2.json': { json: { static: {} } } }),
  }
}

function metaData(guest: GuestData, version: string) {
  const since = (first: string, fields: Record<string, unknown>) => version >= first ? fields : {}
  return {
    uuid: guest.server,
    ...(Object.keys(guest.meta).length && { meta: guest.meta }),
    ...(guest.keys.length && {
      public_keys: Object.fromEntries(guest.keys.map(({ name, data }) => [name, data])),
      keys: guest.keys.map(({ name, type, data }) => ({ name, type, data })),
    }),
    hostname: guest.hostname,
    name: guest.name,
    launch_index: guest.launchIndex,
    availability_zone: guest.availabilityZone,
    ...since('2013-04-04', { random_seed: randomBytes(512).toString('base64') }),
    ...since('2015-10-15', { project_id: guest.project }),
    ...since('2016-06-30', { devices: devices(guest) }),
    ...since('2020-10-14', { dedicated_cpus: [] }),
  }
}

/** Only devices their owner tagged are told of; the tags are how the guest recognises them. */
const devices = (guest: GuestData) => guest.devices.filter(({ tags }) => tags?.length).map(({ device, bus, serial, tags }) =>
  device.includes(':')
    ? { type: 'nic', bus, address: 'none', mac: device, tags }
    : { type: 'disk', bus, address: 'none', path: `/dev/${device}`, ...(serial && { serial }), tags })
