/**
 * What this cloud's devices and namespaces are called on a host. Names come from ids alone, so they are found again
 * after a restart; interface names are at most 15 characters: `v`, the tag, one letter for the kind, 9 digits of the id.
 */
const short = (id: string) => id.replaceAll('-', '').slice(0, 9)

export interface Names {
  tag: string
  prefix: string
  /** The bridge outside traffic meets on; the host has an address on it. */
  ext: string
  table: string
  bridge(network: string): string
  tap(port: string): string
  vxlan(network: string): string
  /** The bridge networks leave by where Open vSwitch carries them: its own business, like all it makes. */
  integration: string
  /** The ends of the pair by which a network leaves for what others leave by, too: in its bridge, and there. */
  wire(network: string): string
  lead(network: string): string
  /** Where what a limited guest sends waits. */
  ifb(port: string): string
  /** The other end of a sub-port's device, where its trunk leads. */
  branch(port: string): string
  /** The host's ends of the veth pairs into DHCP namespaces, router interfaces and router gateways. */
  dhcpVeth(network: string): string
  interfaceVeth(port: string): string
  gatewayVeth(router: string): string
  /** What a router calls its end of an interface. */
  inside(port: string): string
  dhcpNs(network: string): string
  routerNs(router: string): string
  /** True for every device (not namespace) name this file can make. */
  ours(device: string): boolean
  oursNs(ns: string): boolean
}

export function names(tag: string): Names {
  if (!/^[0-9a-f]{4}$/.test(tag)) throw new Error(`tag must be 4 hex digits, not ${JSON.stringify(tag)}`)
  const prefix = `v${tag}`
  const device = new RegExp(`^${prefix}([btxwydpgqu][0-9a-f]{9}|ext)$`)
  const space = new RegExp(`^${prefix}[dr]-[0-9a-f]{9}$`)
  return {
    tag, prefix, ext: `${prefix}ext`, table: `virga_${tag}`,
    bridge: (id) => `${prefix}b${short(id)}`,
    tap: (id) => `${prefix}t${short(id)}`,
    vxlan: (id) => `${prefix}x${short(id)}`,
    integration: `${prefix}int`,
    wire: (id) => `${prefix}w${short(id)}`,
    lead: (id) => `${prefix}y${short(id)}`,
    ifb: (id) => `${prefix}q${short(id)}`,
    branch: (id) => `${prefix}u${short(id)}`,
    dhcpVeth: (id) => `${prefix}d${short(id)}`,
    interfaceVeth: (id) => `${prefix}p${short(id)}`,
    gatewayVeth: (id) => `${prefix}g${short(id)}`,
    inside: (id) => `i${short(id)}`,
    dhcpNs: (id) => `${prefix}d-${short(id)}`,
    routerNs: (id) => `${prefix}r-${short(id)}`,
    ours: (name) => device.test(name),
    oursNs: (name) => space.test(name),
  }
}
