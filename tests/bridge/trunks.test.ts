import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anything, ether, Lab, packet4, run, udp, unable, type Guest, type Network, type Port } from './lab.ts'

const why = unable()

/** The kernel of a guest may have no VLAN devices: frames are made and read by hand, tag included. */
describe.skipIf(why)(`trunks${why ? ` (skipped: ${why})` : ''}`, { timeout: 60_000 }, () => {
  const tag = '7e56', lab = new Lab(tag, { readySeconds: 1 })
  let a: Network, b: Network, parent: Guest, peer: Guest, other: Guest, sub: Port
  const free = { ingress: anything, egress: anything, pairs: [] }
  const short = (id: string) => id.replaceAll('-', '').slice(0, 9)
  const vlan = (id: number) => `8100${id.toString(16).padStart(4, '0')}0800`
  const hello = (from: string, to: string, mark: string) => packet4(from, to, 17, udp(1000, 2000, mark))
  /** What a listener heard of some frames. */
  const heard = async (listener: Guest, mark: string, from: Guest, ...frames: string[]) => {
    const ear = lab.hears(listener, 1.5, mark)
    await ear.ready
    await lab.send(from, ...frames)
    return ear.count()
  }
  const tagged = (id: number, mark: string, mac = sub.mac, ip = '10.8.0.21') => ether(peer.mac, mac, vlan(id).slice(0, 8), `0800${hello(ip, peer.ip, mark)}`)

  beforeAll(async () => {
    await lab.open()
    a = lab.network('a', '10.7.0.0/24')
    b = lab.network('b', '10.8.0.0/24')
    parent = lab.guest('parent', a, '10.7.0.11', { security: free })
    other = lab.guest('other', a, '10.7.0.12', { security: free })
    peer = lab.guest('peer', b, '10.8.0.12', { security: free })
    sub = lab.port('sub', b, '10.8.0.21', { security: free, server: parent.port.server, trunk: { parent: parent.port.id, vlan: 101 } })
    await lab.apply()
    // A device of its own sees arriving tags before they are taken off.
    run('ip', 'netns', 'exec', parent.ns, 'sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1')
  }, 60_000)
  afterAll(() => lab.close(), 60_000)

  test('a sub-port is up like any port', async () => {
    expect(lab.net.problems()).toEqual([])
    expect((await lab.net.ports()).sort()).toEqual([parent, other, peer].map((g) => g.port.id).concat(sub.id).sort())
  })
  test('what a guest tags arrives untagged in the network of the sub-port, and nowhere else', async () => {
    expect(await heard(peer, 'deadbeef0badcaf1', parent, tagged(101, 'deadbeef0badcaf1'))).toBe(1)
    expect(await heard(other, 'deadbeef0badcaf2', parent, tagged(101, 'deadbeef0badcaf2').replace(peer.mac.replaceAll(':', ''), 'ffffffffffff'))).toBe(0)
    expect(await heard(peer, 'deadbeef0badcaf3', parent, tagged(102, 'deadbeef0badcaf3'), tagged(0, 'deadbeef0badcaf3'))).toBe(0)
    expect(await heard(other, 'deadbeef0badcaf4', parent, ether(other.mac, parent.mac, '0800', hello(parent.ip, other.ip, 'deadbeef0badcaf4')))).toBe(1)
  })
  test('what comes back carries the tag', async () => {
    const seen = lab.start(parent.ns, 'python3', '-c', `import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(('eth0', 0)); s.setsockopt(263, 8, 1); s.settimeout(5)
print('ready', flush=True)
while True:
    d, aux, f, a = s.recvmsg(2000, 200)
    if bytes.fromhex('deadbeef0badcaf5') in d:
        print('tag', struct.unpack('=IIIHHHH', aux[0][2])[5] & 0xfff, flush=True); break`)
    for (let i = 0; i < 100 && !seen.text().includes('ready'); i++) await new Promise((r) => setTimeout(r, 50))
    await lab.send(peer, ether(sub.mac, peer.mac, '0800', hello(peer.ip, '10.8.0.21', 'deadbeef0badcaf5')))
    for (let i = 0; i < 100 && !seen.text().includes('tag'); i++) await new Promise((r) => setTimeout(r, 50))
    expect(seen.text()).toContain('tag 101')
  })
  test('a sub-port may say only what is its own', async () => {
    expect(await heard(peer, 'deadbeef0badcaf6', parent, tagged(101, 'deadbeef0badcaf6', sub.mac, '10.8.0.99'), tagged(101, 'deadbeef0badcaf6', parent.mac))).toBe(0)
    await lab.apply((d) => { d.ports.find((p) => p.id === sub.id)!.security = { ingress: [], egress: [{ family: 4, protocol: 6 }], pairs: [] } })
    expect(await heard(peer, 'deadbeef0badcaf7', parent, tagged(101, 'deadbeef0badcaf7'))).toBe(0)
    await lab.apply((d) => { d.ports.find((p) => p.id === sub.id)!.security = free })
  })
  test('another tag, beside a limit of the trunk\'s port, and after a restart', async () => {
    await lab.apply((d) => { d.ports.find((p) => p.id === sub.id)!.trunk!.vlan = 202; d.ports.find((p) => p.id === parent.port.id)!.qos = { egress: { kbps: 5000, burst: 0 } } })
    expect(await heard(peer, 'deadbeef0badcaf8', parent, tagged(101, 'deadbeef0badcaf8'))).toBe(0)
    expect(await heard(peer, 'deadbeef0badcaf9', parent, tagged(202, 'deadbeef0badcaf9'))).toBe(1)
    expect(await heard(other, 'deadbeef0badcafa', parent, ether(other.mac, parent.mac, '0800', hello(parent.ip, other.ip, 'deadbeef0badcafa')))).toBe(1)
    await lab.net.close()
    expect(await heard(peer, 'deadbeef0badcafb', parent, tagged(202, 'deadbeef0badcafb'))).toBe(1)
    await lab.open()
    await lab.apply((d) => { delete d.ports.find((p) => p.id === parent.port.id)!.qos })
    expect(await heard(peer, 'deadbeef0badcafc', parent, tagged(202, 'deadbeef0badcafc'))).toBe(1)
    expect(await heard(other, 'deadbeef0badcafd', parent, ether(other.mac, parent.mac, '0800', hello(parent.ip, other.ip, 'deadbeef0badcafd')))).toBe(1)
  })
  test('a sub-port whose trunk is not here is named, and one that leaves is gone', async () => {
    await lab.apply((d) => { d.ports.find((p) => p.id === sub.id)!.trunk!.parent = lab.id('nobody') })
    expect(lab.net.problems()).toEqual([expect.stringContaining(sub.id)])
    expect(await lab.net.ports()).not.toContain(sub.id)
    expect(run('ip', 'link')).not.toContain(short(sub.id))
    expect(await heard(peer, 'deadbeef0badcafe', parent, tagged(202, 'deadbeef0badcafe'))).toBe(0)
    expect(run('tc', 'filter', 'show', 'dev', `v${tag}t${short(parent.port.id)}`, 'ingress')).toBe('')
    await lab.apply((d) => { d.ports.find((p) => p.id === sub.id)!.trunk!.parent = parent.port.id })
    expect(await heard(peer, 'deadbeef0badcaff', parent, tagged(202, 'deadbeef0badcaff'))).toBe(1)
    // A guest's own port from now on.
    await lab.apply((d) => { delete d.ports.find((p) => p.id === sub.id)!.trunk })
    expect(lab.net.problems()).toEqual([])
    expect(await lab.net.ports()).toContain(sub.id)
    expect(run('ip', 'link')).not.toContain(`v${tag}u${short(sub.id)}`)
  })
})
