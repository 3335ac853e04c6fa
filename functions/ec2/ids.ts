import { createHash } from 'node:crypto'
import { awsFault, AwsFault } from '../aws/faults.ts'

/**
 * What EC2's clients call a thing: its kind's prefix and the 32 hexadecimal digits of its UUID. Nothing is kept and nothing
 * looked up to go from one to the other; the bare UUID is understood too, as stacks and the other APIs give it.
 */
interface Kind { prefix: string; noun: string; notFound: string; malformed?: string }
const kinds = {
  instance: { prefix: 'i', noun: 'instance ID', notFound: 'InvalidInstanceID.NotFound', malformed: 'InvalidInstanceID.Malformed' },
  image: { prefix: 'ami', noun: 'image id', notFound: 'InvalidAMIID.NotFound', malformed: 'InvalidAMIID.Malformed' },
  volume: { prefix: 'vol', noun: 'volume', notFound: 'InvalidVolume.NotFound', malformed: 'InvalidVolumeID.Malformed' },
  snapshot: { prefix: 'snap', noun: 'snapshot', notFound: 'InvalidSnapshot.NotFound', malformed: 'InvalidSnapshotID.Malformed' },
  'security-group': { prefix: 'sg', noun: 'security group', notFound: 'InvalidGroup.NotFound', malformed: 'InvalidGroupId.Malformed' },
  'security-group-rule': { prefix: 'sgr', noun: 'security group rule ID', notFound: 'InvalidSecurityGroupRuleId.NotFound', malformed: 'InvalidSecurityGroupRuleId.Malformed' },
  vpc: { prefix: 'vpc', noun: 'vpc ID', notFound: 'InvalidVpcID.NotFound' },
  subnet: { prefix: 'subnet', noun: 'subnet ID', notFound: 'InvalidSubnetID.NotFound' },
  'network-interface': { prefix: 'eni', noun: 'networkInterface ID', notFound: 'InvalidNetworkInterfaceID.NotFound' },
  'interface-attachment': { prefix: 'eni-attach', noun: 'attachment', notFound: 'InvalidAttachmentID.NotFound' },
  'elastic-ip': { prefix: 'eipalloc', noun: 'allocation ID', notFound: 'InvalidAllocationID.NotFound' },
  'elastic-ip-association': { prefix: 'eipassoc', noun: 'association ID', notFound: 'InvalidAssociationID.NotFound' },
  'internet-gateway': { prefix: 'igw', noun: 'internetGateway ID', notFound: 'InvalidInternetGatewayID.NotFound' },
  'route-table': { prefix: 'rtb', noun: 'routeTable ID', notFound: 'InvalidRouteTableID.NotFound' },
  'route-table-association': { prefix: 'rtbassoc', noun: 'association ID', notFound: 'InvalidAssociationID.NotFound' },
  'dhcp-options': { prefix: 'dopt', noun: 'dhcpOption ID', notFound: 'InvalidDhcpOptionsID.NotFound' },
  'vpc-cidr': { prefix: 'vpc-cidr-assoc', noun: 'association ID', notFound: 'InvalidVpcCidrBlockAssociationID.NotFound' },
  'key-pair': { prefix: 'key', noun: 'key pair', notFound: 'InvalidKeyPair.NotFound' },
} satisfies Record<string, Kind>
export type Noun = keyof typeof kinds
const of = (noun: Noun): Kind => kinds[noun]

export const idOf = (noun: Noun, uuid: string) => `${kinds[noun].prefix}-${uuid.replaceAll('-', '')}`
export const ids = (noun: Noun, uuids: string[]) => uuids.map((u) => idOf(noun, u))

const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/
export function uuidIn(noun: Noun, id: string): string | undefined {
  const at = `${kinds[noun].prefix}-`, bare = id.startsWith(at) ? id.slice(at.length) : id
  return UUID.exec(bare.toLowerCase())?.slice(1).join('-')
}
/** Ids that are shaped as AWS's are but cannot be of here name nothing; others are no ids at all. */
export function uuidOf(noun: Noun, id: string): string {
  const uuid = uuidIn(noun, id), k = of(noun)
  if (uuid) return uuid
  if (new RegExp(`^${k.prefix}-[0-9a-f]{8,32}$`).test(id)) throw unknown(noun, id)
  throw awsFault(k.malformed ?? k.notFound, k.malformed ? `Invalid id: "${id.slice(0, 80)}"` : `The ${k.noun} '${id.slice(0, 80)}' does not exist`)
}
/** A fault that those who take something away are content with. */
export const gone = (code: string, message: string) => new AwsFault('notFound', message, { type: code, status: 400 })
export const unknown = (noun: Noun, ...asked: string[]) => {
  const { noun: words, notFound } = kinds[noun], list = asked.map((a) => a.slice(0, 80)).join(', ')
  return gone(notFound, asked.length > 1 ? `The ${words}s '${list}' do not exist` : `The ${words} '${list}' does not exist`)
}

/** A tagged thing's kind by its id. */
const taggable: Noun[] = ['instance', 'image', 'volume', 'snapshot', 'security-group', 'security-group-rule', 'vpc', 'subnet', 'network-interface', 'elastic-ip', 'internet-gateway', 'route-table', 'dhcp-options', 'key-pair']
export const nounOf = (id: string) => taggable.find((n) => new RegExp(`^${kinds[n].prefix}-[0-9a-f]+$`).test(id))

/** Key pairs are a user's and known by name: their id is made of both. */
export const keyPairId = (user: string, name: string) => `key-${createHash('sha256').update(`${user}/${name}`).digest('hex').slice(0, 32)}`
