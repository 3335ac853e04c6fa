import { Type as t, type Static } from 'typebox'
import { closed, imageBytes, mac, uuid } from './jobs.ts'
import type { Job } from './jobs.ts'

/**
 * What else passes between control plane and host: the calls around jobs, the desired state of the network, and the
 * inventory. Every call is signed by the host (see functions/hosts/sign.md); a host can only speak of itself.
 */

// ── POST /hosts/enroll: {token, publicKey (JWK), name} → {host, cloud} ──────────────────────────────────────────────
export const enrollment = t.Object({ token: t.String({ maxLength: 128 }), name: t.String({ minLength: 1, maxLength: 255 }), publicKey: t.Object({ kty: t.Literal('OKP'), crv: t.Literal('Ed25519'), x: t.String({ maxLength: 64 }) }) }, closed)

// ── POST /hosts/{host}/claim ────────────────────────────────────────────────────────────────────────────────────────
export const claim = t.Object({
  /** How many more jobs the host would take now. */
  slots: t.Integer({ minimum: 0, maximum: 256 }),
  /** What it is still working on; their leases are renewed, those no longer its own come back in `lost`. */
  running: t.Array(t.Object({ id: uuid, attempt: t.Integer() }, closed), { maxItems: 256 }),
  /** Seconds to wait for work. */
  wait: t.Integer({ minimum: 0, maximum: 25 }),
  /** The doorbell count of the last answer, and the desired revision the host has: the wait ends when either moves. */
  bell: t.Integer({ minimum: 0 }),
  revision: t.Integer({ minimum: 0 }),
  /** The first claim of a bridge that has just started: nothing handed to this host before is being worked on any more. */
  fresh: t.Optional(t.Boolean()),
}, closed)
export type Claim = Static<typeof claim>
export interface ClaimAnswer { jobs: Job[]; lost: string[]; bell: number; revision: number }

// ── POST /hosts/{host}/jobs/{id} ────────────────────────────────────────────────────────────────────────────────────
/** The answer is {jobs}: work that this report set free for the same host, already leased to it. 409: not yours any more. */
export const report = t.Object({
  attempt: t.Integer({ minimum: 1 }),
  state: t.Enum(['progress', 'done', 'failed']),
  /** What a person should read: "fetching image 40%". */
  progress: t.Optional(t.String({ maxLength: 255 })),
  result: t.Optional(t.Record(t.String(), t.Unknown())),
  error: t.Optional(t.String({ maxLength: 1000 })),
  /** Trying again cannot help. */
  terminal: t.Optional(t.Boolean()),
  /** Nor can another host: it would fail on any. */
  anywhere: t.Optional(t.Boolean()),
  slots: t.Optional(t.Integer({ minimum: 0, maximum: 256 })),
}, closed)
export type Report = Static<typeof report>

// ── POST /hosts/{host}/blobs: a short-lived URL for the bytes a running job of this host is about ────────────────────
export const blobRequest = t.Object({ job: uuid, attempt: t.Integer(), image: uuid, method: t.Enum(['GET', 'PUT']) }, closed)
export interface BlobAnswer { url: string; expires: string }

// ── POST /hosts/{host}/objects: the same for the objects of the backup a running job is about: new ones to write, or those it consists of ──
export const objectsRequest = t.Object({
  job: uuid, attempt: t.Integer(),
  take: t.Optional(t.Integer({ minimum: 1, maximum: 64 })),
  get: t.Optional(t.Array(t.Object({ store: uuid, number: t.Integer({ minimum: 0 }) }, closed), { minItems: 1, maxItems: 64 })),
}, closed)
export interface ObjectsAnswer { /** What the first of those taken is numbered; the others follow it. */ first: number; /** Good for fifteen minutes. */ urls: string[] }

// ── POST /hosts/{host}/passages: the key of the move a running job of this host is about ─────────────────────────────
export const passageRequest = t.Object({ job: uuid, attempt: t.Integer() }, closed)
export interface PassageAnswer { /** 32 bytes, base64url. */ key: string }

/** What operators call a network of cables and switches; hosts know by which of their devices it is reached. */
export const physicalNetwork = t.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$' })
/** The one that the outside network is on, untagged. */
export const outside = 'external'

// ── PUT /hosts/{host}/inventory: what libvirt and the kernel show, level not edge ────────────────────────────────────
export const inventory = t.Object({
  version: t.String({ maxLength: 64 }),
  bootId: t.String({ maxLength: 64 }),
  hypervisor: t.Object({
    type: t.Enum(['QEMU', 'simulated']), virtType: t.Enum(['kvm', 'qemu', 'simulated']),
    version: t.Integer(), hostname: t.String({ maxLength: 255 }), address: t.String({ maxLength: 64 }),
    cpuModel: t.String({ maxLength: 255 }), arch: t.String({ maxLength: 32 }), uptimeSeconds: t.Integer(), load: t.Array(t.Number(), { maxItems: 3 }),
  }, closed),
  capacity: t.Object({ vcpus: t.Integer(), memoryMb: t.Integer(), diskGb: t.Integer(), freeDiskGb: t.Integer(), freeMemoryMb: t.Integer() }, closed),
  /** Hosts that name the same store can open each other's volumes. */
  storage: t.String({ minLength: 1, maxLength: 255 }),
  domains: t.Array(t.Object({ uuid, state: t.Enum(['running', 'paused', 'shutoff', 'crashed', 'saved']), vncPort: t.Optional(t.Integer()) }, closed), { maxItems: 10000 }),
  /** Ports whose tap is up with filters in force, and disks kept, by kind and id. */
  ports: t.Array(uuid, { maxItems: 20000 }),
  disks: t.Array(t.String({ pattern: '^(root|ephemeral|swap|volume|snapshot)/[0-9a-f-]{36}$' }), { maxItems: 50000 }),
  /** Image bytes at hand, how many disks stand on them, since when and when last used (seconds since 1970). Absent: a bridge of before. */
  images: t.Optional(t.Array(t.Object({ ...imageBytes.properties, size: t.Integer(), disks: t.Integer(), since: t.Integer(), usedAt: t.Integer() }, closed), { maxItems: 2000 })),
  revision: t.Integer(),
  /** Physical networks this host leads to. Absent: a bridge of before, which does not say. */
  physicalNetworks: t.Optional(t.Array(physicalNetwork, { maxItems: 256 })),
  /** What routers here have counted since they began to, by label. Absent where nothing is to be counted. */
  meters: t.Optional(t.Array(t.Object({ label: uuid, router: uuid, packets: t.Integer({ minimum: 0 }), bytes: t.Integer({ minimum: 0 }) }, closed), { maxItems: 50000 })),
}, closed)
export type Inventory = Static<typeof inventory>

// ── GET /hosts/{host}/desired ───────────────────────────────────────────────────────────────────────────────────────
const address = t.String({ maxLength: 45 })
const cidr = t.String({ maxLength: 49 })
const route = t.Object({ destination: cidr, nexthop: address }, closed)

export const rule = t.Object({
  family: t.Enum([4, 6]),
  /** A number, or absent for any. */
  protocol: t.Optional(t.Integer({ minimum: 0, maximum: 255 })),
  /** Ports, or ICMP type and code. */
  min: t.Optional(t.Integer({ minimum: 0, maximum: 65535 })),
  max: t.Optional(t.Integer({ minimum: 0, maximum: 65535 })),
  /** Whom it concerns; absent: anyone. Remote groups arrive as the addresses of their members. */
  remotes: t.Optional(t.Array(cidr)),
}, closed)
export type Rule = Static<typeof rule>

/** Bandwidth in kilobits a second; burst in kilobits, 0: what suits the rate. */
const pace = t.Object({ kbps: t.Integer({ minimum: 1 }), burst: t.Integer({ minimum: 0 }) }, closed)
/** Directions as the guest sees them: egress leaves it. */
const netPort = t.Integer({ minimum: 1, maximum: 65535 })
const paces = { egress: t.Optional(pace), ingress: t.Optional(pace) }

export const desired = t.Object({
  revision: t.Integer(),
  networks: t.Array(t.Object({
    /** 0: where routers meet that exchange routes; no network of a project's has that number. */
    id: uuid, vni: t.Integer({ minimum: 0, maximum: 16777215 }), mtu: t.Integer(),
    /** External: joined to the bridge to the outside, unless a physical network is named; no tunnel. */
    external: t.Boolean(),
    /** The host's physical network that carries it, with this tag or untagged. Absent: tunnels do, or the bridge to the outside. */
    physical: t.Optional(t.Object({ network: physicalNetwork, vlan: t.Optional(t.Integer({ minimum: 1, maximum: 4094 })) }, closed)),
    /** Underlay addresses of the other hosts that have this network. */
    peers: t.Array(address),
    /** Where this host answers DHCP, DNS and metadata; absent when no subnet of the network has DHCP. */
    dhcp: t.Optional(t.Object({ port: uuid, mac, addresses: t.Array(address) }, closed)),
    dnsDomain: t.String({ maxLength: 255 }),
    subnets: t.Array(t.Object({
      id: uuid, cidr, gateway: t.Optional(address), dhcp: t.Boolean(), dns: t.Array(address), routes: t.Array(route),
      v6: t.Optional(t.Enum(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'])),
    }, closed)),
  }, closed)),
  /** Ports of guests on this host; then, `elsewhere`, what DHCP must know of the network and where each address lives. */
  ports: t.Array(t.Object({
    id: uuid, network: uuid, mac, server: uuid, up: t.Boolean(),
    addresses: t.Array(t.Object({ subnet: uuid, address }, closed)),
    hostname: t.Optional(t.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' })),
    dhcpOptions: t.Array(t.Object({ code: t.Integer({ minimum: 1, maximum: 254 }), value: t.String({ maxLength: 255 }), family: t.Enum([4, 6]) }, closed)),
    /** A sub-port: its frames are those of this port of the same guest, with this tag. */
    trunk: t.Optional(t.Object({ parent: uuid, vlan: t.Integer({ minimum: 1, maximum: 4094 }) }, closed)),
    /** What its traffic may take, and the DSCP mark of what it sends; `packets` counts thousands a second. */
    qos: t.Optional(t.Object({ ...paces, dscp: t.Optional(t.Integer({ minimum: 0, maximum: 63 })), packets: t.Optional(t.Object(paces, closed)) }, closed)),
    /** Absent: port security is off, everything passes. Present: only what is listed, stateful, default deny. */
    security: t.Optional(t.Object({
      ingress: t.Array(rule), egress: t.Array(rule),
      pairs: t.Array(t.Object({ mac, cidr }, closed)),
    }, closed)),
  }, closed)),
  elsewhere: t.Array(t.Object({ id: uuid, network: uuid, mac, addresses: t.Array(t.Object({ subnet: uuid, address }, closed)), host: t.Optional(address), /** Its guest is on the way to another host. */ moving: t.Optional(t.Boolean()), hostname: t.Optional(t.String()) }, closed)),
  /** Routers whose gateway this host is. */
  routers: t.Array(t.Object({
    id: uuid,
    external: t.Optional(t.Object({ network: uuid, mac, addresses: t.Array(t.Object({ address, prefix: t.Integer() }, closed)), gateways: t.Array(address), snat: t.Boolean() }, closed)),
    interfaces: t.Array(t.Object({ port: uuid, network: uuid, mac, addresses: t.Array(t.Object({ address, prefix: t.Integer() }, closed)) }, closed)),
    floating: t.Array(t.Object({ id: uuid, address, fixed: address }, closed)),
    /** Ports of an outside address that lead to guests: as many from `min` to `max` as from `to` on. */
    forwards: t.Optional(t.Array(t.Object({ address, protocol: t.Enum([6, 17, 132]), min: netPort, max: netPort, fixed: address, to: netPort }, closed))),
    /** What single addresses of the outside may take, floating ones or the router's own. */
    limits: t.Optional(t.Array(t.Object({ address, ...paces }, closed))),
    /** `leg`: the interface it leaves by, where the next hop does not say (a link-local one, of either family). */
    routes: t.Array(t.Object({ destination: cidr, nexthop: address, leg: t.Optional(uuid) }, closed)),
    /** Another host had it before: its gateway is announced for a while before it does anything. */
    taken: t.Optional(t.Boolean()),
    /** What is counted of what passes to and from outside; a rule matches by prefix at either end. */
    meters: t.Optional(t.Array(t.Object({ label: uuid, rules: t.Array(t.Object({ direction: t.Enum(['ingress', 'egress']), source: t.Optional(cidr), destination: t.Optional(cidr), excluded: t.Boolean() }, closed)) }, closed))),
    /** Protocols whose further connections are expected, by the port they are spoken on. */
    helpers: t.Optional(t.Array(t.Object({ helper: t.String({ maxLength: 32 }), protocol: t.Enum(['tcp', 'udp']), port: netPort }, closed))),
    /** Addresses inside that are answered for outside. */
    proxies: t.Optional(t.Array(address)),
  }, closed)),
  /** Guests whose metadata this host answers; content by `GET /hosts/{host}/guests/{server}` whenever the etag moved. */
  guests: t.Array(t.Object({ server: uuid, etag: t.String() }, closed)),
}, closed)
export type Desired = Static<typeof desired>

/** What the guest is told, in no particular API's shape: the host renders OpenStack's, EC2's and the config drive's. */
export interface GuestData {
  server: string
  etag: string
  name: string
  hostname: string
  project: string
  user: string
  availabilityZone: string
  flavor: string
  imageId?: string
  launchIndex: number
  reservationId: string
  ec2Id: string
  meta: Record<string, string>
  keys: { name: string; type: 'ssh' | 'x509'; data: string }[]
  /** base64 */
  userData?: string
  adminPass?: string
  /** What the guest posted to the metadata service's `password`, encrypted by it. */
  password?: string
  fixedIps: { port: string; mac: string; network: string; address: string; floating?: string }[]
  networkData: { links: unknown[]; networks: unknown[]; services: unknown[] }
  securityGroups: string[]
  devices: { device: string; bus: string; serial?: string; tags?: string[] }[]
}
