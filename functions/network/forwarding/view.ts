import type { portForwarding } from '../../../schema/network.ts'

export type Forward = typeof portForwarding.$inferSelect
export const forwardView = (f: Forward) => ({
  id: f.id, protocol: f.protocol, description: f.description, internal_port_id: f.port, internal_ip_address: f.inner,
  ...(f.innerMin === f.innerMax ? { internal_port: f.innerMin, external_port: f.outerMin } : {}),
  internal_port_range: `${f.innerMin}:${f.innerMax}`, external_port_range: `${f.outerMin}:${f.outerMax}`,
})
