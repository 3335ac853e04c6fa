import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { flag, json, micros } from './kernel.ts'

/** What every network resource carries. */
const standard = {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  name: text('name').notNull().default(''),
  description: text('description').notNull().default(''),
  tags: json<string[]>('tags').notNull().default([]),
  revision: integer('revision').notNull().default(0),
  createdAt: micros('created_at').notNull(),
  updatedAt: micros('updated_at').notNull(),
}

/** What traffic may take, for ports, networks, floating addresses and routers to point at. */
export const qosPolicy = sqliteTable('qos_policy', {
  ...standard,
  shared: flag('shared').notNull().default(false),
  isDefault: flag('is_default').notNull().default(false),
}, (t) => [index('qos_policy_project').on(t.project, t.id), index('qos_policy_shared').on(t.shared).where(sql`shared = 1`), uniqueIndex('qos_policy_default').on(t.project).where(sql`is_default = 1`)])

export const qosRule = sqliteTable('qos_rule', {
  id: text('id').primaryKey(),
  policy: text('policy').notNull().references(() => qosPolicy.id, { onDelete: 'cascade' }),
  kind: text('kind').notNull(),
  /** As the guest sees it; empty for kinds that have none. */
  direction: text('direction', { enum: ['ingress', 'egress', 'any', ''] }).notNull(),
  /** Kilobits or thousands of packets in a second, or the DSCP mark. */
  value: integer('value').notNull(),
  burst: integer('burst').notNull().default(0),
}, (t) => [uniqueIndex('qos_rule_same').on(t.policy, t.kind, t.direction)])

/** The policy a thing is under; the reference keeps it from being deleted meanwhile. */
const qos = { qosPolicy: text('qos_policy').references(() => qosPolicy.id) }

export const network = sqliteTable('network', {
  ...standard,
  ...qos,
  adminUp: flag('admin_up').notNull().default(true),
  shared: flag('shared').notNull().default(false),
  external: flag('external').notNull().default(false),
  isDefault: flag('is_default').notNull().default(false),
  portSecurity: flag('port_security').notNull().default(true),
  mtu: integer('mtu').notNull(),
  dnsDomain: text('dns_domain').notNull().default(''),
  providerType: text('provider_type', { enum: ['vxlan', 'flat', 'vlan'] }).notNull(),
  physicalNetwork: text('physical_network'),
  segment: integer('segment'),
  /** The tunnel's number on the hosts, whatever the provider type says. */
  vni: integer('vni').notNull().unique(),
}, (t) => [index('network_project').on(t.project, t.id), index('network_shared').on(t.shared).where(sql`shared = 1`), index('network_external').on(t.external).where(sql`external = 1`), index('network_qos').on(t.qosPolicy).where(sql`qos_policy is not null`), uniqueIndex('network_segment').on(t.providerType, t.physicalNetwork, t.segment)])

export const subnet = sqliteTable('subnet', {
  ...standard,
  network: text('network').notNull().references(() => network.id),
  version: integer('version').notNull(),
  cidr: text('cidr').notNull(),
  gateway: text('gateway'),
  dhcp: flag('dhcp').notNull().default(true),
  dns: json<string[]>('dns').notNull().default([]),
  routes: json<{ destination: string; nexthop: string }[]>('routes').notNull().default([]),
  pools: json<{ start: string; end: string }[]>('pools').notNull(),
  /** The pools as offsets [first, last] in the subnet: what is handed out unasked. Empty when hosts make their own (SLAAC). */
  ranges: json<[number, number][]>('ranges').notNull().default([]),
  raMode: text('ra_mode'),
  addressMode: text('address_mode'),
  pool: text('pool'),
  serviceTypes: json<string[]>('service_types').notNull().default([]),
}, (t) => [index('subnet_network').on(t.network), index('subnet_project').on(t.project, t.id), index('subnet_in_pool').on(t.pool)])

export const port = sqliteTable('port', {
  ...standard,
  ...qos,
  network: text('network').notNull().references(() => network.id),
  mac: text('mac').notNull(),
  adminUp: flag('admin_up').notNull().default(true),
  status: text('status', { enum: ['ACTIVE', 'DOWN', 'BUILD', 'ERROR', 'N/A'] }).notNull().default('DOWN'),
  device: text('device').notNull().default(''),
  deviceOwner: text('device_owner').notNull().default(''),
  /** The host it is bound to. */
  host: text('host'),
  /** The host its guest is moving to while it runs: connected there too. */
  arriving: text('arriving'),
  /** What a caller asked of the binding (`binding:host_id` may name a host that is not ours). */
  bindingHost: text('binding_host').notNull().default(''),
  vnicType: text('vnic_type').notNull().default('normal'),
  profile: json<Record<string, unknown>>('profile').notNull().default({}),
  portSecurity: flag('port_security').notNull().default(true),
  pairs: json<{ ip_address: string; mac_address: string }[]>('pairs').notNull().default([]),
  dhcpOptions: json<{ opt_name: string; opt_value: string; ip_version: number }[]>('dhcp_options').notNull().default([]),
  dnsName: text('dns_name').notNull().default(''),
  /** Made for a server, and gone with it. */
  ownedByServer: flag('owned_by_server').notNull().default(false),
}, (t) => [
  uniqueIndex('port_mac').on(t.network, t.mac), index('port_network').on(t.network, t.id), index('port_device').on(t.device),
  index('port_host').on(t.host), index('port_arriving').on(t.arriving).where(sql`arriving is not null`), index('port_network_host').on(t.network, t.host).where(sql`host is not null`), index('port_project').on(t.project, t.id), index('port_qos').on(t.qosPolicy).where(sql`qos_policy is not null`),
])

/** Who holds which address: an address of a subnet has one owner. `n` is its offset in the subnet (null beyond 2^53), so that free ones are found by index. */
export const address = sqliteTable('address', {
  subnet: text('subnet').notNull().references(() => subnet.id),
  address: text('address').notNull(),
  n: integer('n'),
  port: text('port').notNull().references(() => port.id, { onDelete: 'cascade' }),
  network: text('network').notNull(),
}, (t) => [primaryKey({ columns: [t.subnet, t.address] }), uniqueIndex('address_n').on(t.subnet, t.n), index('address_port').on(t.port), index('address_network').on(t.network)])

export const securityGroup = sqliteTable('security_group', {
  ...standard,
  isDefault: flag('is_default').notNull().default(false),
  stateful: flag('stateful').notNull().default(true),
}, (t) => [index('security_group_project').on(t.project, t.id), uniqueIndex('security_group_default').on(t.project).where(sql`is_default = 1`)])

export const securityGroupRule = sqliteTable('security_group_rule', {
  ...standard,
  securityGroup: text('security_group').notNull().references(() => securityGroup.id, { onDelete: 'cascade' }),
  direction: text('direction', { enum: ['ingress', 'egress'] }).notNull(),
  ethertype: text('ethertype', { enum: ['IPv4', 'IPv6'] }).notNull(),
  protocol: text('protocol'),
  portMin: integer('port_min'),
  portMax: integer('port_max'),
  remoteIp: text('remote_ip'),
  remoteGroup: text('remote_group'),
  remoteAddressGroup: text('remote_address_group'),
  /** All that makes it what it is, in one text: a second one of the same is refused. */
  fingerprint: text('fingerprint').notNull(),
}, (t) => [uniqueIndex('security_group_rule_same').on(t.securityGroup, t.fingerprint), index('security_group_rule_remote').on(t.remoteGroup), index('security_group_rule_remote_addresses').on(t.remoteAddressGroup), index('security_group_rule_project').on(t.project, t.id)])

export const portSecurityGroup = sqliteTable('port_security_group', {
  port: text('port').notNull().references(() => port.id, { onDelete: 'cascade' }),
  securityGroup: text('security_group').notNull().references(() => securityGroup.id),
  /** The port's host, kept equal by triggers: who has members of a group is found without looking at each of them. */
  host: text('host'),
}, (t) => [primaryKey({ columns: [t.port, t.securityGroup] }), index('port_security_group_group').on(t.securityGroup, t.host)])

export const router = sqliteTable('router', {
  ...standard,
  ...qos,
  adminUp: flag('admin_up').notNull().default(true),
  externalNetwork: text('external_network').references(() => network.id),
  /** The port that holds the gateway's addresses. */
  gatewayPort: text('gateway_port'),
  snat: flag('snat').notNull().default(true),
  routes: json<{ destination: string; nexthop: string }[]>('routes').notNull().default([]),
  /** The host where it lives. */
  host: text('host'),
  /** Where it was: it goes nowhere else before that host is known to have let go (it reported `fromRevision`) or is down. */
  fromHost: text('from_host'),
  fromRevision: integer('from_revision').notNull().default(0),
  /** How often it was taken from a host that may not know. */
  moved: integer('moved').notNull().default(0),
  distributed: flag('distributed').notNull().default(false),
  /** Single addresses inside are answered for outside, where they are asked about. */
  ndpProxy: flag('ndp_proxy').notNull().default(false),
  ha: flag('ha').notNull().default(false),
}, (t) => [index('router_project').on(t.project, t.id), index('router_host').on(t.host), index('router_external').on(t.externalNetwork), index('router_qos').on(t.qosPolicy).where(sql`qos_policy is not null`)])

export const routerInterface = sqliteTable('router_interface', {
  router: text('router').notNull().references(() => router.id),
  port: text('port').notNull().references(() => port.id, { onDelete: 'cascade' }),
  subnet: text('subnet').notNull().references(() => subnet.id),
}, (t) => [primaryKey({ columns: [t.router, t.port, t.subnet] }), uniqueIndex('router_interface_subnet').on(t.router, t.subnet), index('router_interface_of_subnet').on(t.subnet), index('router_interface_port').on(t.port)])

/** A port whose guest speaks for other ports too, in tagged frames. Triggers keep those ports where it is. */
export const trunk = sqliteTable('trunk', {
  ...standard,
  adminUp: flag('admin_up').notNull().default(true),
  port: text('port').notNull().unique('trunk_port').references(() => port.id, { onDelete: 'cascade' }),
}, (t) => [index('trunk_project').on(t.project, t.id)])

export const subPort = sqliteTable('sub_port', {
  port: text('port').primaryKey().references(() => port.id, { onDelete: 'cascade' }),
  trunk: text('trunk').notNull().references(() => trunk.id, { onDelete: 'cascade' }),
  segmentationType: text('segmentation_type').notNull(),
  segmentationId: integer('segmentation_id').notNull(),
}, (t) => [uniqueIndex('sub_port_tag').on(t.trunk, t.segmentationId)])

/** Ports of a floating address that lead to ports of guests. */
export const portForwarding = sqliteTable('port_forwarding', {
  id: text('id').primaryKey(),
  floatingIp: text('floating_ip').notNull().references(() => floatingIp.id, { onDelete: 'cascade' }),
  description: text('description').notNull().default(''),
  protocol: text('protocol').notNull(),
  /** First and last of each side; as many outside as inside. */
  outerMin: integer('outer_min').notNull(),
  outerMax: integer('outer_max').notNull(),
  port: text('port').notNull().references(() => port.id, { onDelete: 'cascade' }),
  inner: text('inner').notNull(),
  innerMin: integer('inner_min').notNull(),
  innerMax: integer('inner_max').notNull(),
}, (t) => [index('port_forwarding_floating').on(t.floatingIp), index('port_forwarding_port').on(t.port)])

export const floatingIp = sqliteTable('floating_ip', {
  ...standard,
  ...qos,
  network: text('network').notNull().references(() => network.id),
  address: text('address').notNull(),
  /** The port on the external network that holds the address. */
  ownPort: text('own_port').notNull(),
  port: text('port'),
  fixedAddress: text('fixed_address'),
  router: text('router'),
  status: text('status', { enum: ['ACTIVE', 'DOWN', 'ERROR'] }).notNull().default('DOWN'),
  dnsName: text('dns_name').notNull().default(''),
  dnsDomain: text('dns_domain').notNull().default(''),
}, (t) => [index('floating_ip_project').on(t.project, t.id), index('floating_ip_port').on(t.port), index('floating_ip_router').on(t.router), uniqueIndex('floating_ip_address').on(t.network, t.address), uniqueIndex('floating_ip_fixed').on(t.port, t.fixedAddress), index('floating_ip_qos').on(t.qosPolicy).where(sql`qos_policy is not null`)])

export const subnetPool = sqliteTable('subnet_pool', {
  ...standard,
  version: integer('version').notNull(),
  prefixes: json<string[]>('prefixes').notNull(),
  minPrefix: integer('min_prefix').notNull(),
  maxPrefix: integer('max_prefix').notNull(),
  defaultPrefix: integer('default_prefix').notNull(),
  defaultQuota: integer('default_quota'),
  shared: flag('shared').notNull().default(false),
  isDefault: flag('is_default').notNull().default(false),
  addressScope: text('address_scope'),
}, (t) => [index('subnet_pool_project').on(t.project, t.id)])

export const addressScope = sqliteTable('address_scope', {
  ...standard,
  version: integer('version').notNull(),
  shared: flag('shared').notNull().default(false),
}, (t) => [index('address_scope_project').on(t.project, t.id)])

export const addressGroup = sqliteTable('address_group', {
  ...standard,
  addresses: json<string[]>('addresses').notNull().default([]),
}, (t) => [index('address_group_project').on(t.project, t.id)])

/** Who else may use a thing, and how. */
export const rbac = sqliteTable('rbac', {
  id: text('id').primaryKey(),
  project: text('project').notNull(),
  objectType: text('object_type').notNull(),
  object: text('object').notNull(),
  action: text('action').notNull(),
  target: text('target').notNull(),
}, (t) => [uniqueIndex('rbac_same').on(t.objectType, t.object, t.action, t.target), index('rbac_project').on(t.project, t.id), index('rbac_target').on(t.target, t.objectType, t.action)])

/** A project's own limits, where they depart from the defaults. */
export const networkQuota = sqliteTable('network_quota', {
  project: text('project').notNull(),
  resource: text('resource').notNull(),
  limit: integer('limit_').notNull(),
}, (t) => [primaryKey({ columns: [t.project, t.resource] })])

/** What an operator says about one of a host's network roles, where it departs from the default: up. */
export const agentSetting = sqliteTable('agent_setting', {
  host: text('host').notNull(),
  kind: text('kind', { enum: ['bridge', 'dhcp', 'l3', 'metadata'] }).notNull(),
  adminUp: flag('admin_up').notNull().default(true),
  description: text('description').notNull().default(''),
}, (t) => [primaryKey({ columns: [t.host, t.kind] })])

/**
 * Ports that changed, by the networks and groups where that matters; `port` empty: the rules of that group did. Hosts ask
 * for what is newer than what they have; the newest some thousands are kept.
 */
export const networkChange = sqliteTable('network_change', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  scope: text('scope').notNull(),
  port: text('port').notNull(),
}, (t) => [index('network_change_scope').on(t.scope, t.seq)])

/** What passes through the routers of a project (of all projects, when shared), counted where they live. */
export const meteringLabel = sqliteTable('metering_label', {
  ...standard,
  shared: flag('shared').notNull().default(false),
}, (t) => [index('metering_label_project').on(t.project, t.id), index('metering_label_shared').on(t.shared).where(sql`shared = 1`)])

export const meteringRule = sqliteTable('metering_rule', {
  id: text('id').primaryKey(),
  label: text('label').notNull().references(() => meteringLabel.id, { onDelete: 'cascade' }),
  direction: text('direction', { enum: ['ingress', 'egress'] }).notNull(),
  remote: text('remote'),
  source: text('source'),
  destination: text('destination'),
  /** What it matches is not counted, whatever other rules say. */
  excluded: flag('excluded').notNull().default(false),
}, (t) => [index('metering_rule_label').on(t.label)])

/** All that was counted of a label at a router; `seen` is what its host last said, which begins anew with the router. */
export const meteringCount = sqliteTable('metering_count', {
  label: text('label').notNull().references(() => meteringLabel.id, { onDelete: 'cascade' }),
  router: text('router').notNull(),
  packets: integer('packets').notNull().default(0),
  bytes: integer('bytes').notNull().default(0),
  seenPackets: integer('seen_packets').notNull().default(0),
  seenBytes: integer('seen_bytes').notNull().default(0),
}, (t) => [primaryKey({ columns: [t.label, t.router] })])

/** Kinds of services, for operators to describe. */
export const networkFlavor = sqliteTable('network_flavor', {
  id: text('id').primaryKey(),
  name: text('name').notNull().default(''),
  description: text('description').notNull().default(''),
  serviceType: text('service_type').notNull(),
  enabled: flag('enabled').notNull().default(true),
})
export const serviceProfile = sqliteTable('service_profile', {
  id: text('id').primaryKey(),
  description: text('description').notNull().default(''),
  driver: text('driver').notNull().default(''),
  metainfo: text('metainfo').notNull().default(''),
  enabled: flag('enabled').notNull().default(true),
})
export const flavorProfile = sqliteTable('flavor_profile', {
  flavor: text('flavor').notNull().references(() => networkFlavor.id),
  profile: text('profile').notNull().references(() => serviceProfile.id),
}, (t) => [primaryKey({ columns: [t.flavor, t.profile] }), index('flavor_profile_profile').on(t.profile)])

/** Protocols whose further connections a router expects, by the port they are spoken on. */
export const conntrackHelper = sqliteTable('conntrack_helper', {
  id: text('id').primaryKey(),
  router: text('router').notNull().references(() => router.id, { onDelete: 'cascade' }),
  protocol: text('protocol').notNull(),
  port: integer('port').notNull(),
  helper: text('helper').notNull(),
}, (t) => [uniqueIndex('conntrack_helper_same').on(t.router, t.protocol, t.port, t.helper)])

/** Addresses inside that a router answers for outside. */
export const ndpProxy = sqliteTable('ndp_proxy', {
  ...standard,
  router: text('router').notNull().references(() => router.id),
  port: text('port').notNull().references(() => port.id, { onDelete: 'cascade' }),
  address: text('address').notNull(),
}, (t) => [uniqueIndex('ndp_proxy_address').on(t.router, t.address), index('ndp_proxy_port').on(t.port), index('ndp_proxy_project').on(t.project, t.id)])

/** Tunnel and VLAN numbers that new networks of a project are given. */
export const segmentRange = sqliteTable('segment_range', {
  ...standard,
  isDefault: flag('is_default').notNull().default(false),
  shared: flag('shared').notNull().default(true),
  networkType: text('network_type', { enum: ['vxlan', 'vlan'] }).notNull(),
  physicalNetwork: text('physical_network'),
  minimum: integer('minimum').notNull(),
  maximum: integer('maximum').notNull(),
}, (t) => [index('segment_range_project').on(t.project, t.id)])

/** What an operator calls the one segment of a network. */
export const segmentName = sqliteTable('segment_name', {
  network: text('network').primaryKey().references(() => network.id, { onDelete: 'cascade' }),
  name: text('name'),
  description: text('description'),
})

/** What new security groups begin with; `PARENT` as remote group is the group itself. */
export const defaultGroupRule = sqliteTable('default_group_rule', {
  id: text('id').primaryKey(),
  description: text('description').notNull().default(''),
  direction: text('direction', { enum: ['ingress', 'egress'] }).notNull(),
  ethertype: text('ethertype', { enum: ['IPv4', 'IPv6'] }).notNull(),
  protocol: text('protocol'),
  portMin: integer('port_min'),
  portMax: integer('port_max'),
  remoteIp: text('remote_ip'),
  remoteGroup: text('remote_group'),
  remoteAddressGroup: text('remote_address_group'),
  /** What a rule made of it has as its fingerprint, around the remote group. */
  before: text('before').notNull(),
  after: text('after').notNull(),
  inDefault: flag('in_default').notNull().default(false),
  inOthers: flag('in_others').notNull().default(true),
})

/** Where else a port is going to be: made before a move, and what the port is bound to once active. */
export const portBinding = sqliteTable('port_binding', {
  port: text('port').notNull().references(() => port.id, { onDelete: 'cascade' }),
  host: text('host').notNull(),
  vnicType: text('vnic_type').notNull().default('normal'),
  profile: json<Record<string, unknown>>('profile').notNull().default({}),
}, (t) => [primaryKey({ columns: [t.port, t.host] })])

/** A network, subnets and a router that a project was given without asking for their details. */
export const autoTopology = sqliteTable('auto_topology', {
  project: text('project').primaryKey(),
  network: text('network').notNull(),
  router: text('router').notNull(),
})

/** Routes told by route targets: a router that is part of one learns what others export to it. */
export const bgpvpn = sqliteTable('bgpvpn', {
  ...standard,
  distinguishers: json<string[]>('distinguishers').notNull().default([]),
  /** Of its routes that say nothing themselves. */
  preference: integer('preference'),
}, (t) => [index('bgpvpn_project').on(t.project, t.id)])

/** `route`: both imported and exported. */
export const bgpvpnTarget = sqliteTable('bgpvpn_target', {
  bgpvpn: text('bgpvpn').notNull().references(() => bgpvpn.id, { onDelete: 'cascade' }),
  kind: text('kind', { enum: ['route', 'import', 'export'] }).notNull(),
  target: text('target').notNull(),
}, (t) => [primaryKey({ columns: [t.bgpvpn, t.kind, t.target] }), index('bgpvpn_target_target').on(t.target, t.bgpvpn)])

/** A router, a network or a port (with its network) in a BGP VPN; networks and ports by the routers that have legs there. */
export const bgpvpnAssociation = sqliteTable('bgpvpn_association', {
  id: text('id').primaryKey(),
  bgpvpn: text('bgpvpn').notNull().references(() => bgpvpn.id, { onDelete: 'cascade' }),
  router: text('router').references(() => router.id, { onDelete: 'cascade' }),
  network: text('network').references(() => network.id, { onDelete: 'cascade' }),
  port: text('port').references(() => port.id, { onDelete: 'cascade' }),
  /** Of a router its extra routes, of a port its own addresses. */
  advertise: flag('advertise').notNull().default(true),
  /** What a port leads to beyond its own addresses. */
  routes: json<{ type: 'prefix'; prefix: string; local_pref: number | null }[]>('routes').notNull().default([]),
  createdAt: micros('created_at').notNull(),
}, (t) => [
  uniqueIndex('bgpvpn_association_router').on(t.router, t.bgpvpn).where(sql`router is not null`), uniqueIndex('bgpvpn_association_port').on(t.port, t.bgpvpn).where(sql`port is not null`),
  uniqueIndex('bgpvpn_association_network').on(t.network, t.bgpvpn).where(sql`network is not null and port is null`), index('bgpvpn_association_around').on(t.network), index('bgpvpn_association_bgpvpn').on(t.bgpvpn),
])
