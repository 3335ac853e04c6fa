import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab, unable, type Guest, type Network } from './lab.ts'

/** What gives leases stays up, whatever changes around it: while ports come and go, and while bridges do. */
const why = unable()

describe.skipIf(why)(`leases${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const tag = '7e5f', lab = new Lab(tag, { readySeconds: 1 })
  let net: Network, one: Guest
  const pid = () => readFileSync(`/run/virga/${tag}/d-${net.id}/pid`, 'utf8').trim()
  /** Dead, or about to be: dnsmasq has read its files when it answers again. */
  const alive = async () => { expect(await lab.lease(one)).toMatchObject({ ip: '10.9.0.11' }); return pid() }
  const come = (n: number, more = {}) => lab.apply((d) => { d.ports = d.ports.filter((p) => p.hostname !== 'other'); if (n % 2) lab.port(`other ${n}`, net, `10.9.0.${40 + n}`, { hostname: 'other', ...more }) })

  beforeAll(async () => {
    await lab.open()
    net = lab.network('a', '10.9.0.0/24')
    net.subnets.push({ id: lab.id('managed'), cidr: 'fd00:9::/64', gateway: 'fd00:9::1', dhcp: true, dns: [], routes: [], v6: 'dhcpv6-stateful' })
    net.dhcp!.addresses.push('fd00:9::2')
    one = lab.guest('one', net, '10.9.0.11', { addresses: [{ subnet: net.subnets[0]!.id, address: '10.9.0.11' }, { subnet: lab.id('managed'), address: 'fd00:9::11' }] }, false)
    await lab.apply()
  }, 60_000)
  afterAll(() => lab.close(), 60_000)

  test('are renewed by the same process while ports come and go', async () => {
    const first = await alive()
    for (let n = 1; n <= 8; n++) {
      await come(n)
      expect(await alive(), `after ${n} changes`).toBe(first)
    }
  })
  test('and by the same when the bridge went and came', async () => {
    const first = pid()
    await lab.net.close()
    expect(await alive()).toBe(first)
    await lab.open()
    await lab.apply()
    expect(await alive()).toBe(first)
  })
  test('ports with options of their own make it start again, never die', async () => {
    await lab.apply((d) => { d.ports[0]!.dhcpOptions = [{ code: 42, value: '10.9.0.99', family: 4 }] })
    for (let n = 1; n <= 8; n++) {
      await come(n, { dhcpOptions: [{ code: 42, value: '10.9.0.98', family: 4 }] })
      expect(await lab.lease(one)).toMatchObject({ ip: '10.9.0.11' })
    }
    expect(lab.said.filter((line) => line.includes('started again'))).toEqual([])
  })
})
