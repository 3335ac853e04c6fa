import type { GuestData } from '../../schema/hosts.ts'

export const ec2Versions = [
  '1.0', '2007-01-19', '2007-03-01', '2007-08-29', '2007-10-10', '2007-12-15', '2008-02-01', '2008-09-01', '2009-04-04',
] as const
const newest = ec2Versions[ec2Versions.length - 1]

/** A leaf, a folder, or a list of names. `label` is what a listing shows for a folder instead of its name. */
export type Node = string | Uint8Array | string[] | { label?: string; entries: Record<string, Node> }

/** Everything below `VERSION/`; undefined for a version that never was. */
export function ec2Tree(guest: GuestData, asked: string): Node | undefined {
  const version = asked === 'latest' ? newest : asked
  const at = (ec2Versions as readonly string[]).indexOf(version)
  if (at < 0) return undefined
  const since = (first: (typeof ec2Versions)[number], entries: Record<string, Node>) => at >= ec2Versions.indexOf(first) ? entries : {}
  const v4 = guest.fixedIps.filter(({ address }) => !address.includes(':'))
  const meta: Record<string, Node> = {
    'ami-id': amiId(guest.imageId),
    'ami-launch-index': String(guest.launchIndex),
    'ami-manifest-path': '(unknown)',
    'instance-id': guest.ec2Id,
    hostname: guest.hostname,
    'local-ipv4': v4[0]?.address ?? '',
    'reservation-id': guest.reservationId,
    'security-groups': guest.securityGroups,
    ...publicKeys(guest),
    ...since('2007-01-19', {
      'local-hostname': guest.hostname,
      'public-hostname': guest.hostname,
      'public-ipv4': v4.find(({ floating }) => floating)?.floating ?? '',
    }),
    ...since('2007-08-29', { 'instance-type': guest.flavor }),
    ...since('2007-12-15', { 'block-device-mapping': { entries: mapping(guest) } }),
    ...since('2008-02-01', { placement: { entries: { 'availability-zone': guest.availabilityZone } } }),
    ...since('2008-09-01', { 'instance-action': 'none' }),
  }
  return { entries: { 'meta-data': { entries: meta }, ...(guest.userData && { 'user-data': Buffer.from(guest.userData, 'base64') }) } }
}

/** EC2 lists keys as `0=name`, and each is a folder `0` with the key inside. */
function publicKeys(guest: GuestData): Record<string, Node> {
  const keys = guest.keys.filter(({ type }) => type === 'ssh')
  if (!keys.length) return {}
  return { 'public-keys': { entries: Object.fromEntries(keys.map(({ name, data }, index) =>
    [String(index), { label: `${index}=${name}`, entries: { 'openssh-key': data } }])) } }
}

/** The first device is the root disk; those with a serial are volumes. */
function mapping(guest: GuestData): Record<string, Node> {
  const [root, ...rest] = guest.devices.filter(({ device }) => !device.includes(':'))
  const path = ({ device }: { device: string }) => `/dev/${device}`
  return {
    ...(root && { ami: root.device, root: path(root) }),
    ...Object.fromEntries(rest.filter(({ serial }) => serial).map((volume, index) => [`ebs${index}`, path(volume)])),
    ...Object.fromEntries(rest.filter(({ serial }) => !serial).map((local, index) => [`ephemeral${index}`, path(local)])),
  }
}

/** As the EC2 API names images. */
const amiId = (image?: string) => image ? `ami-${image.replaceAll('-', '')}` : ''

/** A folder as plain data: the form it has on a config drive. */
export const plain = (node: Node): unknown =>
  typeof node === 'string' || Array.isArray(node) || node instanceof Uint8Array ? node
    : Object.fromEntries(Object.entries(node.entries).map(([name, child]) => [name, plain(child)]))
