import { setTimeout as sleep } from 'node:timers/promises'
import { Guest } from '../clients/guest.ts'
import { pings } from '../harness/pings.ts'
import { until } from '../steps.ts'
import { home, ready } from './boots.ts'
import { benchNetwork } from './servers.ts'
import type { Subject } from './subject.ts'

/** A running guest, to and fro between two hosts, with its disk; how long somebody outside hears nothing of it. */
export async function moves(s: Subject, times: number) {
  const { figures } = s
  figures.title(`A running guest between two real hosts, ${times} times, pinged every 10 ms from outside`)
  const network = await benchNetwork(s, 'moves', '10.79.0.0/24')
  const { networks: [outside] } = await s.call('GET', '/network/v2.0/networks?router%3Aexternal=true')
  const { subnets: [subnet] } = await s.call('GET', `/network/v2.0/subnets?network_id=${network}`)
  const { router } = await s.call('POST', '/network/v2.0/routers', { router: { name: 'bench-moves', external_gateway_info: { network_id: outside.id } } })
  await s.call('PUT', `/network/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id })
  const { security_group: group } = await s.call('POST', '/network/v2.0/security-groups', { security_group: { name: 'bench-moves' } })
  await s.call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: group.id, direction: 'ingress', protocol: 'icmp' } })
  const { images: [image] } = await s.call('GET', '/image/v2/images?name=tiny'), { flavors } = await s.call('GET', '/compute/v2.1/flavors')
  const { server: { id } } = await s.call('POST', '/compute/v2.1/servers', { server: { name: 'mover', imageRef: image.id, flavorRef: flavors.find((f: { name: string }) => f.name === 'm1.nano').id, networks: [{ uuid: network }], security_groups: [{ name: group.name }], host: home } })
  const settled = (host: string) => until(`ACTIVE on ${host}`, 180, async () => {
    const { server } = await s.call('GET', `/compute/v2.1/servers/${id}`)
    if (server.status === 'ERROR') throw new Error(JSON.stringify(server.fault))
    return server.status === 'ACTIVE' && !server['OS-EXT-STS:task_state'] && server['OS-EXT-SRV-ATTR:host'] === host
  })
  await settled(home)
  if (!(await ready(s, [{ id }], 300)).size) throw new Error('the guest has not said that it is ready')
  const { ports: [port] } = await s.call('GET', `/network/v2.0/ports?device_id=${id}`)
  const { floatingip } = await s.call('POST', '/network/v2.0/floatingips', { floatingip: { floating_network_id: outside.id, port_id: port.id } })
  const guest = new Guest(floatingip.floating_ip_address, '')
  await until('an answer to ping', 60, () => guest.pings())
  // The address answers before it leads to the guest: a ping that begins in between goes on being answered by the router.
  await sleep(5000)

  const took: number[] = [], gaps: number[] = [], lost: number[] = []
  let host = home
  for (let n = 0; n < times; n++) {
    const pinging = pings(guest.address, { every: 10 }), to = host === home ? 'host-2' : home
    await sleep(1000)
    let since = 0
    try {
      // A host where the guest was is not taken again before what it left there is cleared away.
      await until('the move to be taken', 60, async () => {
        since = performance.now()
        await s.call('POST', `/compute/v2.1/servers/${id}/action`, { 'os-migrateLive': { host: to, block_migration: 'auto' } })
        return true
      })
      await settled(host = to)
      took.push(performance.now() - since)
      await sleep(1000)
    } finally {
      const heard = await pinging.end()
      gaps.push(heard.gap)
      lost.push(heard.lost)
    }
  }
  figures.latency('live migration, asked for until done', took)
  figures.latency('live migration: longest time without an answer', gaps)
  figures.put('live migration: pings lost in each', lost.reduce((a, b) => a + b, 0) / lost.length, 'pings', { note: lost.join(', ') })
}
