import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anything, ether, Lab, packet6, run, unable, until, type Guest, type Network } from './lab.ts'

const why = unable()

describe.skipIf(why)(`names of the world, and metadata over IPv6${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const tag = '7e5d', lab = new Lab(tag, { dns: ['127.0.0.98', '127.0.0.99'], readySeconds: 1 })
  let a: Network, own: Network, one: Guest, two: Guest, open: Guest, told: Guest, udp: Socket, tcp: Server
  const asked: string[] = []
  const free = { ingress: anything, egress: anything, pairs: [] }
  const nameOf = (q: Buffer) => { const parts: string[] = []; for (let i = 12; q[i]; i += q[i]! + 1) parts.push(q.subarray(i + 1, i + 1 + q[i]!).toString()); return parts.join('.') }
  /** One address for every name; for `large`, more text than a datagram holds. */
  const answer = (q: Buffer, stream = false): Buffer => {
    const name = nameOf(q), end = 12 + name.length + 2 + 4, head = Buffer.from(q.subarray(0, end))
    head.writeUInt16BE(name.startsWith('large') && !stream ? 0x8380 : 0x8180, 2)
    head.writeUInt16BE(0, 8); head.writeUInt16BE(0, 10)
    const record = (type: number, data: Buffer) => { const r = Buffer.alloc(12); r.writeUInt16BE(0xc00c, 0); r.writeUInt16BE(type, 2); r.writeUInt16BE(1, 4); r.writeUInt32BE(60, 6); r.writeUInt16BE(data.length, 10); return Buffer.concat([r, data]) }
    const records = name.startsWith('large') ? (stream ? Array.from({ length: 20 }, (_, i) => record(16, Buffer.concat([Buffer.from([200]), Buffer.alloc(200, 97 + i)]))) : []) : q.readUInt16BE(end - 4) === 1 ? [record(1, Buffer.from([192, 0, 2, 77]))] : []
    head.writeUInt16BE(records.length, 6)
    return Buffer.concat([head, ...records])
  }
  const resolve = (g: Guest, name: string, kind = 'A', server = '10.9.0.2') => lab.in(g.ns, process.execPath, '-e', `const r = new (require('dns').Resolver)({ timeout: 3000, tries: 1 }); r.setServers(['${server}']); r.resolve('${name}', '${kind}', (e, a) => { console.log(e ? e.code : JSON.stringify(a).length > 200 ? 'long ' + a.length : a.join()); process.exit(0) })`).then((t) => t?.trim())

  beforeAll(async () => {
    await lab.open()
    a = lab.network('a', '10.9.0.0/24')
    a.subnets.push({ id: lab.id('six'), cidr: 'fd00:5::/64', gateway: 'fd00:5::1', dhcp: true, dns: [], routes: [], v6: 'slaac' })
    a.dhcp!.addresses.push('fd00:5::2')
    own = lab.network('own', '10.10.0.0/24')
    own.subnets[0]!.dns = ['198.51.100.53']
    one = lab.guest('one', a, '10.9.0.11', { security: free, addresses: [{ subnet: a.subnets[0]!.id, address: '10.9.0.11' }, { subnet: lab.id('six'), address: 'fd00:5::11' }] })
    run('ip', '-n', one.ns, 'addr', 'add', 'fd00:5::11/64', 'dev', 'eth0', 'nodad')
    two = lab.guest('two', a, '10.9.0.12')
    open = lab.guest('open', a, '10.9.0.13', { security: undefined })
    told = lab.guest('told', own, '10.10.0.11')
    udp = createSocket('udp4').on('message', (q, from) => { asked.push(nameOf(q)); udp.send(answer(q), from.port, from.address) })
    await new Promise<void>((up) => udp.bind(53, '127.0.0.99', up))
    tcp = createServer((s) => s.on('error', () => {}).on('data', (q) => { asked.push(`${nameOf(q.subarray(2))} whole`); const said = answer(q.subarray(2), true), size = Buffer.alloc(2); size.writeUInt16BE(said.length); s.end(Buffer.concat([size, said])) }))
    // The first of the two answers only streams: whoever waits for it goes on to the second.
    await new Promise<void>((up) => tcp.listen(53, '127.0.0.98', up))
    await lab.apply()
  }, 60_000)
  afterAll(async () => { udp?.close(); tcp?.close(); await lab.close() }, 60_000)

  test('a network without servers of its own answers with what the host is told', async () => {
    expect(await resolve(one, 'www.example.net')).toBe('192.0.2.77')
    expect(asked).toContain('www.example.net')
    expect(await resolve(one, 'two.example.org')).toBe('10.9.0.12')
    await until('the IPv6 address is its own', async () => await resolve(one, 'www.example.net', 'A', 'fd00:5::2') === '192.0.2.77', 10)
  })
  test('names of the network, bare words and private addresses are asked of nobody', async () => {
    asked.length = 0
    expect(await resolve(one, 'nobody.example.org')).toBe('ENOTFOUND')
    expect(await resolve(one, 'two')).toBe('10.9.0.12')
    expect(await resolve(one, '1.0.0.10.in-addr.arpa', 'PTR')).toBe('ENOTFOUND')
    expect(asked).toEqual([])
  })
  test('an answer too long for a datagram comes whole', async () => {
    expect(await resolve(one, 'large.example.net', 'TXT')).toBe('long 20')
    expect(asked).toContain('large.example.net whole')
  })
  test('where subnets name servers, guests are sent there and nothing is answered for them', async () => {
    expect(await resolve(told, 'www.example.net', 'A', '10.10.0.2')).not.toBe('192.0.2.77')
    expect(run('ss', '-lunN', `v${tag}d-${own.id.replaceAll('-', '').slice(0, 9)}`)).not.toContain(':5300')
  })
  test('the guest itself reaches neither those servers nor the way to them', async () => {
    for (const at of ['127.0.0.99', '10.9.0.2']) expect(await lab.call(one.ns, at, 5300), at).toBeUndefined()
  })

  const metadata = (g: Guest, from = '') => lab.in(g.ns, process.execPath, '-e', `require('http').get({ host: 'fe80::a9fe:a9fe%eth0', port: 80, path: '/openstack/latest/meta_data.json', timeout: 3000 ${from && `, localAddress: '${from}'`} }, (r) => { let t = ''; r.on('data', (d) => t += d).on('end', () => { console.log(r.statusCode, r.statusCode === 200 ? JSON.parse(t).uuid : ''); process.exit(0) }) }).on('error', () => process.exit(1)).on('timeout', () => process.exit(1))`).then((t) => t?.trim())
  test('metadata is answered over IPv6, to each its own', async () => {
    await until('addresses are their own', async () => await metadata(one) !== undefined && await metadata(two) !== undefined, 10)
    expect([await metadata(one), await metadata(two)]).toEqual([one, two].map((g) => `200 ${g.port.server}`))
  })
  test("nobody is told another's: not with a neighbour's address, port security or none", async () => {
    const m = two.mac.split(':'), theirs = `fe80::f816:3eff:fe${m[3]}:${m[4]}${m[5]}`.replace(/:0+(?=[0-9a-f])/g, ':')
    expect(await metadata(open)).toBe(`200 ${open.port.server}`)
    run('ip', '-n', open.ns, 'addr', 'add', `${theirs}/64`, 'dev', 'eth0', 'nodad')
    expect(await metadata(open, `${theirs}%eth0`)).toBeUndefined()
    expect(await metadata(two)).toBe(`200 ${two.port.server}`)
    // Nor may one who is held to his own address say that this one is his.
    const mark = 'c0ffee0a9fea', all6 = `ff02${'0'.repeat(27)}1`, self = `fe80000000000000f8163efffe${one.mac.split(':').slice(3).join('')}`
    const ear = lab.hears(two, 1.5, mark)
    await ear.ready
    await lab.send(one, ether('33:33:00:00:00:01', one.mac, '86dd', packet6(self, all6, `8800000020000000fe80000000000000000000 00a9fea9fe0201${mark}`.replaceAll(' ', ''))))
    expect(await ear.count()).toBe(0)
  })
  test('the driver starts again, and answers go on', async () => {
    await lab.net.close()
    expect(await resolve(one, 'two.example.org')).toBe('10.9.0.12')
    await lab.open()
    await lab.apply()
    expect(await resolve(one, 'again.example.net')).toBe('192.0.2.77')
    expect(await metadata(one)).toBe(`200 ${one.port.server}`)
    expect(lab.net.problems()).toEqual([])
  })
})
