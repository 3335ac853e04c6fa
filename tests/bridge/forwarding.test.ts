import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anything, Lab, run, unable, until, type Guest, type Network } from './lab.ts'

const why = unable()

describe.skipIf(why)(`forwarded ports${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const tag = '7e57', lab = new Lab(tag, { externalCidr: '172.31.247.0/24', readySeconds: 1 })
  let a: Network, outside: Network, one: Guest, two: Guest, world: string
  const free = { ingress: anything, egress: anything, pairs: [] }, address = '172.31.247.50'
  type Forward = NonNullable<typeof lab.document.routers[0]['forwards']>[0]
  const forward = (...list: Omit<Forward, 'address'>[]) => lab.apply((d) => { d.routers[0]!.forwards = list.map((f) => ({ address, ...f })) })

  beforeAll(async () => {
    await lab.open()
    a = lab.network('a', '10.9.0.0/24')
    outside = lab.network('out', '172.31.247.0/24', { external: true, mtu: 1500, dhcp: undefined })
    one = lab.guest('one', a, '10.9.0.11', { security: free })
    two = lab.guest('two', a, '10.9.0.12', { security: free })
    lab.document.routers.push({
      id: lab.id('router'), external: { network: outside.id, mac: 'fa:16:3e:ac:00:01', addresses: [{ address: '172.31.247.10', prefix: 24 }], gateways: ['172.31.247.1'], snat: true },
      interfaces: [{ port: lab.id('router a'), network: a.id, mac: 'fa:16:3e:ac:00:02', addresses: [{ address: '10.9.0.1', prefix: 24 }] }], floating: [], routes: [],
    })
    await lab.apply()
    world = lab.space('world')
    lab.plug(world, `v${tag}ext`)
    run('ip', '-n', world, 'addr', 'add', '172.31.247.200/24', 'dev', 'eth0')
    for (const [g, port] of [[one, 80], [one, 81], [two, 80], [two, 91]] as const) await lab.serve(g.ns, port)
  }, 60_000)
  afterAll(() => lab.close(), 60_000)

  test('one address leads to several guests, by port', async () => {
    await forward({ protocol: 6, min: 8080, max: 8080, fixed: one.ip, to: 80 }, { protocol: 6, min: 80, max: 80, fixed: two.ip, to: 80 })
    const flow = lab.flow(world, address, 8080)
    expect(await lab.call(world, address, 8080)).toContain('172.31.247.200')
    expect(await lab.call(world, address, 80)).toContain('172.31.247.200')
    expect(await lab.call(world, address, 81)).toBeUndefined()
    await until('it flows', () => flow.text().includes('tick'))
    // Another forward comes, the connection stays; its own goes, and so does it.
    await forward({ protocol: 6, min: 8080, max: 8080, fixed: one.ip, to: 80 }, { protocol: 6, min: 81, max: 81, fixed: one.ip, to: 81 })
    const at = flow.text().length
    await until('it flows on', () => flow.text().length > at + 10)
    expect(await lab.call(world, address, 80)).toBeUndefined()
    expect(await lab.call(world, address, 81)).toContain('172.31.247.200')
    await forward({ protocol: 6, min: 81, max: 81, fixed: one.ip, to: 81 })
    const end = flow.text().length
    await new Promise((r) => setTimeout(r, 1500))
    expect(flow.text().length).toBe(end)
  })
  test('ranges, moved and not, and only of their protocol', async () => {
    await forward({ protocol: 6, min: 70, max: 90, fixed: one.ip, to: 70 }, { protocol: 6, min: 1090, max: 1092, fixed: two.ip, to: 90 }, { protocol: 17, min: 8080, max: 8080, fixed: one.ip, to: 80 })
    expect(await lab.call(world, address, 81)).toBeDefined()
    expect(await lab.call(world, address, 1091)).toBeDefined()
    expect(await lab.call(world, address, 1090)).toBeUndefined()
    expect(await lab.call(world, address, 8080)).toBeUndefined()
  })
  test('a guest reaches its neighbour, and itself, by the outer address', async () => {
    await forward({ protocol: 6, min: 8080, max: 8080, fixed: two.ip, to: 80 })
    expect(await lab.call(one.ns, address, 8080)).toContain('172.31.247.10')
    expect(await lab.call(two.ns, address, 8080)).toContain('172.31.247.10')
  })
  test('nothing remains', async () => {
    await forward()
    expect(await lab.call(world, address, 8080)).toBeUndefined()
    expect(run('ip', '-n', `v${tag}r-${lab.id('router').replaceAll('-', '').slice(0, 9)}`, 'addr')).not.toContain(address)
    expect(lab.net.problems()).toEqual([])
  })
})
