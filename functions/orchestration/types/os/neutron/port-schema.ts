import { boolean, list, live, map, oneOf, required, text, type Property } from '../../provider.ts'
import { format } from '../formats.ts'
import { policy, specs } from './pieces.ts'

/** What a port may be told besides where it is; servers tell it their networks' ports too. */
export const portExtras: Record<string, Property> = {
  value_specs: specs, admin_state_up: boolean({ default: true, ...live }), mac_address: text(format('mac_addr')), 'binding:vnic_type': text({ default: 'normal', ...live, ...oneOf('normal', 'direct', 'macvtap', 'direct-physical', 'baremetal', 'virtio-forwarder', 'smart-nic') }),
  allowed_address_pairs: list(map({ mac_address: text(format('mac_addr')), ip_address: text({ ...required, ...format('ip_or_cidr') }) }), live), port_security_enabled: boolean(live), qos_policy: policy,
  propagate_uplink_status: boolean(live), no_fixed_ips: boolean({ default: false, ...live }),
}

/** As the API has it. */
export function portBody({ no_fixed_ips, fixed_ips, security_groups, ...b }: Record<string, any>): Record<string, any> {
  const out: Record<string, any> = b
  if (no_fixed_ips) out.fixed_ips = []
  // An empty list leaves the choice to the network.
  else if (fixed_ips?.length) out.fixed_ips = fixed_ips.map((f: any) => ({ ...(f.subnet ? { subnet_id: f.subnet } : {}), ...(f.ip_address ? { ip_address: f.ip_address } : {}) }))
  if (b.allowed_address_pairs) out.allowed_address_pairs = b.allowed_address_pairs.map((p: any) => ({ ip_address: p.ip_address, ...(p.mac_address ? { mac_address: p.mac_address } : {}) }))
  if (security_groups) out.security_groups = security_groups
  return out
}
