import { eq } from 'drizzle-orm'
import { serverGuest } from '../../../schema/compute.ts'
import { ask } from '../../hosts/ask.ts'
import { q } from '../../kernel/db.ts'
import { conflict, notFound } from '../../kernel/fault.ts'
import { addressesOf, groupNamesOf } from '../../network/ports/of-servers.ts'
import { addressesView } from '../../network/ports/plan.ts'
import { endpoint } from '../service.ts'
import { findServer, mine, serverQuery } from './model.ts'
import { bareAddresses } from './view.ts'

/** What can be asked about a server, beyond itself. */
export default [
  endpoint({
    id: 'servers.ips.list', method: 'GET', path: '/servers/{server}/ips', status: 200, summary: "A server's addresses", policy: 'os_compute_api:ips:index',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(serverQuery(ctx, params.server), addressesOf([params.server]))
      const s = mine(ctx, rows, params.server, 'os_compute_api:ips:index')
      return { addresses: s.state === 'building' ? {} : bareAddresses(addressesView(found)) }
    },
  }),
  endpoint({
    id: 'servers.ips.show', method: 'GET', path: '/servers/{server}/ips/{network}', status: 200, summary: "A server's addresses on one network", policy: 'os_compute_api:ips:show',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(serverQuery(ctx, params.server), addressesOf([params.server]))
      mine(ctx, rows, params.server, 'os_compute_api:ips:show')
      const all = bareAddresses(addressesView(found))
      if (!Object.hasOwn(all, params.network)) throw notFound('network', params.network, 'Instance is not a member of specified network')
      return { [params.network]: all[params.network] }
    },
  }),
  endpoint({
    id: 'servers.security_groups', method: 'GET', path: '/servers/{server}/os-security-groups', status: 200, summary: "A server's security groups", policy: 'os_compute_api:os-security-groups:list',
    async handle(ctx, { params }) {
      const [rows, groups] = await ctx.read(serverQuery(ctx, params.server), groupNamesOf([params.server]))
      mine(ctx, rows, params.server, 'os_compute_api:os-security-groups:list')
      return { security_groups: groups.map((g) => ({ id: g.id, name: g.name, description: g.description, tenant_id: g.project, rules: [] })) }
    },
  }),
  endpoint({
    id: 'servers.password.show', method: 'GET', path: '/servers/{server}/os-server-password', status: 200, summary: 'The password a guest has posted, encrypted by it', policy: 'os_compute_api:os-server-password:show',
    async handle(ctx, { params }) {
      const [rows, [guest]] = await ctx.read(serverQuery(ctx, params.server), q.select({ password: serverGuest.password }).from(serverGuest).where(eq(serverGuest.server, params.server)))
      mine(ctx, rows, params.server, 'os_compute_api:os-server-password:show')
      return { password: guest?.password ?? '' }
    },
  }),
  endpoint({
    id: 'servers.password.clear', method: 'DELETE', path: '/servers/{server}/os-server-password', status: 204, summary: 'Forget the password a guest has posted', policy: 'os_compute_api:os-server-password:clear',
    async handle(ctx, { params }) {
      await findServer(ctx, params.server, 'os_compute_api:os-server-password:clear')
      ctx.stage(q.update(serverGuest).set({ password: null }).where(eq(serverGuest.server, params.server)))
    },
  }),
  endpoint({
    id: 'servers.diagnostics', method: 'GET', path: '/servers/{server}/diagnostics', status: 200, summary: 'Counters of a running server', policy: 'os_compute_api:os-server-diagnostics',
    async handle(ctx, { params }) {
      const s = await findServer(ctx, params.server, 'os_compute_api:os-server-diagnostics')
      if (!s.host || !['active', 'paused', 'rescued', 'resized'].includes(s.state)) throw conflict(`Cannot 'get_diagnostics' instance ${s.id} while it is in vm_state ${s.state}`)
      const d = await ask(ctx, s.host, 'domain.stats', { uuid: s.id })
      if (ctx.version >= 2048) {
        return {
          state: d.state === 'running' ? 'running' : d.state === 'paused' ? 'paused' : 'shutdown', driver: 'libvirt', hypervisor: 'qemu', hypervisor_os: 'linux', uptime: d.uptime, config_drive: s.configDrive, num_cpus: d.cpuTimes.length, num_nics: d.nics.length, num_disks: d.disks.length,
          cpu_details: d.cpuTimes.map((time, id) => ({ id, time, utilisation: null })), memory_details: { maximum: Math.floor(d.memoryKb / 1024), used: Math.floor(d.memoryUsedKb / 1024) },
          nic_details: d.nics.map((n) => ({ mac_address: n.mac, rx_octets: n.rxBytes, rx_errors: n.rxErrors, rx_drop: n.rxDrops, rx_packets: n.rxPackets, rx_rate: null, tx_octets: n.txBytes, tx_errors: n.txErrors, tx_drop: n.txDrops, tx_packets: n.txPackets, tx_rate: null })),
          disk_details: d.disks.map((x) => ({ read_bytes: x.readBytes, read_requests: x.readOps, write_bytes: x.writeBytes, write_requests: x.writeOps, errors_count: 0 })),
        }
      }
      return Object.fromEntries([
        ...d.cpuTimes.map((time, n) => [`cpu${n}_time`, time]), ['memory', d.memoryKb], ['memory-actual', d.memoryKb], ['memory-rss', d.memoryUsedKb],
        ...d.disks.flatMap((x) => [[`${x.device}_read`, x.readBytes], [`${x.device}_read_req`, x.readOps], [`${x.device}_write`, x.writeBytes], [`${x.device}_write_req`, x.writeOps], [`${x.device}_errors`, -1]]),
        ...d.nics.flatMap((n, i) => [[`vnet${i}_rx`, n.rxBytes], [`vnet${i}_rx_packets`, n.rxPackets], [`vnet${i}_rx_errors`, n.rxErrors], [`vnet${i}_rx_drop`, n.rxDrops], [`vnet${i}_tx`, n.txBytes], [`vnet${i}_tx_packets`, n.txPackets], [`vnet${i}_tx_errors`, n.txErrors], [`vnet${i}_tx_drop`, n.txDrops]]),
      ]) as Record<string, number>
    },
  }),
  endpoint({
    id: 'servers.topology', method: 'GET', path: '/servers/{server}/topology', since: '2.78', status: 200, summary: 'NUMA nodes of a server', policy: 'os_compute_api:server:topology:index',
    async handle(ctx, { params }) {
      await findServer(ctx, params.server, 'os_compute_api:server:topology:index')
      return { nodes: [], pagesize_kb: null }
    },
  }),
]
