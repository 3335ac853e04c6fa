import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { everybody, forged, honest, local, wide } from '../bridge/forged.ts'
import { arp, ether, packet4, packet6, udp, udp6 } from '../bridge/lab.ts'
import { equal, matches } from '../clients/cli.ts'
import { rootOnDebian } from '../clients/packages.ts'
import { Running } from '../harness/running.ts'
import { Steps, until } from '../steps.ts'
import { devices, on } from './places.ts'
import { armed, listen, prefixes, send, tenant, up, type Counted, type Member, type Tenant } from './tenants.ts'

/**
 * What real guests of two projects can say to each other on three real hosts, seen packet by packet: their networks are
 * alike to the last address. What they forge is sent from inside them and looked for everywhere. `--keep`,
 * `--network-driver NAME`.
 */
const { values } = parseArgs({ options: { keep: { type: 'boolean' }, 'network-driver': { type: 'string', default: 'linuxbridge' } } })
const steps = new Steps()
if (!rootOnDebian()) {
  console.log('skip  packets of real guests (needs root on Debian)')
  process.exit(steps.close())
}
const args = ['--hypervisor', 'libvirt', '--hosts', '3', '--network-driver', values['network-driver']]
const c = await Running.make(args), dir = mkdtempSync(path.join(tmpdir(), 'virga-packets-'))
process.on('exit', () => { c.child?.kill(); if (!values.keep) rmSync(dir, { recursive: true, force: true }) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

let red: Tenant, blue: Tenant, all: Member[] = []
const at = (name: string) => { const m = all.find((x) => x.name === name); if (!m) throw new Error(`${name} is not there`); return m }
const sign = 'c0ffee015e7a', fixed = [1, 2, 3].map((n) => `10.7.0.1${n}`)
/** Who heard it, and how often: guests by what goes to them, wires by what a host puts on them. */
const heard = (counts: Record<string, Counted>, but: string) => Object.fromEntries(Object.entries(counts).filter(([who]) => who !== but).map(([who, n]) => [who, who.startsWith('wire') ? n.in : n.out] as const).filter(([, n]) => n > 0))
const wireOf = (m: Member) => `wire ${m.host.slice(5)}`
/** Who hears what one says to another; what the other answers (nobody listens there) quotes it, and does not count. */
const says = async (me: Member, to: Member, frame = honest(sign, me, to)) => {
  const { [wireOf(to)]: _answer, ...rest } = heard(await listen(c, all, sign, () => send(me, frame)), me.name)
  return rest
}

async function begin() {
  ;[red, blue] = await Promise.all([tenant(c, 'admin', 'red', dir, 'dhcpv6-stateless', ['host-1', 'host-2', 'host-1']), tenant(c, 'demo', 'blue', dir, 'dhcpv6-stateful')])
  all = [...red.members, ...blue.members]
  await c.call('admin', 'PUT', `/network/v2.0/ports/${at('red3').port}`, { port: { security_groups: [red.lone] } })
  await Promise.all(all.map((m) => up(c, m)))
  equal('where they are', [red, blue].map((t) => t.members.map((m) => m.host).sort()), [['host-1', 'host-1', 'host-2'], ['host-1', 'host-2', 'host-3']])
  equal('their addresses', blue.members.map((m) => m.v4), red.members.map((m) => m.v4))
  await Promise.all(['red1', 'blue3'].map((name) => armed(at(name))))
  return true
}

/** Who answers at each of these, as this one sees it. */
async function asks(m: Member, urls: string[]): Promise<string[]> {
  return (await m.guest.run(urls.map((url) => `timeout 8 wget -q -O - http://${url}/ 2>/dev/null || echo -`).join('; '))).split('\n')
}
/** All members of blue's one group talk; red3 lets in port 80 from the others and gets in nowhere. */
function may(from: Member, to: Member) { return from.user === to.user && (from.name === to.name || from.name !== 'red3') }
async function matrix() {
  const said = await Promise.all(all.map(async (m) => [m.name, await asks(m, fixed)] as const))
  equal('who answers whom', said, all.map((m) => [m.name, (m.user === 'admin' ? red : blue).members.map((to) => (may(m, to) ? to.name : '-'))]))
}

async function story() {
  await steps.step('who may talk does, across hosts and on one; at an address that both projects have each meets its own', matrix)
  await steps.step('by floating addresses only what rules let in from everywhere', async () => {
    equal('port 80 of the others', await asks(at('red1'), [at('blue2'), at('blue1')].map((m) => m.floating)), ['-', '-'])
    matches('port 22 of the others', await at('red1').guest.run(`timeout 8 nc ${at('blue2').floating} 22 < /dev/null | head -c 8`), /^SSH-2\.0/)
  })
  await steps.step('IPv6: addresses of their own making, but not where DHCP gives them; neighbours answer, the other project does not', async () => {
    for (const m of all) await until(`${m.name}'s addresses`, 60, async () => { const text = await m.guest.run('ip -6 addr show dev eth0'); return text.includes(m.v6) && text.includes(prefixes.other) === (m.user === 'admin') })
    const pings = (from: Member, address: string) => from.guest.run(`ping6 -c 2 -w 6 ${address} > /dev/null && echo yes || echo no`)
    equal('red1 to red2, blue1 to blue3, red1 to blue2, red3 to red2', await Promise.all([pings(at('red1'), at('red2').v6), pings(at('blue1'), at('blue3').v6), pings(at('red1'), at('blue2').v6), pings(at('red3'), at('red2').v6)]), ['yes', 'yes', 'no', 'no'])
  })
  await steps.step('DHCPv6: asked from within a guest, stateless tells its name server and stateful its address', async () => {
    const told = async (m: Member, address: string, kind: string, more = '') => {
      const ask = `${kind}c0ffee0001000a00030001${m.mac.replaceAll(':', '')}000800020000000600020017${more}`
      const frame = ether('33:33:00:01:00:02', m.mac, '86dd', udp6(local(m.mac), 'ff020000000000000000000000010002', 546, 547, ask))
      return (await listen(c, all, wide(address), () => send(m, frame)))[m.name]!.out > 0
    }
    equal('name server', await told(at('red1'), `${prefixes.other}53`, '0b'), true)
    equal('address', await told(at('blue3'), `${prefixes.other}13`, '01', `0003000c00000001${'0'.repeat(16)}`), true)
  })
  await steps.step('a full frame goes from guest to guest across hosts in one piece', async () => {
    const [one, two] = [at('red1'), at('red2')]
    matches('what DHCP told', await one.guest.run('ip link show eth0'), /mtu 1450/)
    const counts = await listen(c, all, sign, () => send(one, ether(two.mac, one.mac, '0800', packet4(one.v4, two.v4, 17, udp(9, 9, sign + '00'.repeat(1422 - 6))))))
    equal('as it arrives, and on the wire', [counts.red2!.most, counts[wireOf(one)]!.most], [1464, 1514])
    const sum = await two.guest.run('dd if=/dev/urandom of=/var/www/large bs=64k count=16 2>/dev/null; md5sum < /var/www/large')
    equal('a megabyte', await one.guest.run(`wget -q -O - http://${two.v4}/large | md5sum`), sum)
  })
  await steps.step('what is said to one is heard by one; what is said to all, by the project, where it is', async () => {
    const [one, two] = [at('red1'), at('red2')]
    equal('to red2', await says(one, two), { red2: 1, [wireOf(one)]: 1 })
    const { agents: [router] } = await c.call('admin', 'GET', `/network/v2.0/routers/${red.router}/l3-agents`), with_ = new Set([...red.members.map((m) => m.host), router.host])
    const broad = await listen(c, all, sign, () => send(one, ether(everybody, one.mac, '0806', arp(1, one.mac, one.v4, '10.7.0.99') + sign)))
    equal('to everybody, guests', Object.entries(broad).filter(([who, n]) => !who.startsWith('wire') && n.out).map(([who]) => who).sort(), ['red2', 'red3'])
    equal('and hosts', [1, 2, 3].filter((n) => broad[`wire ${n}`]!.out > 0).map((n) => `host-${n}`), [...with_].filter((h) => h !== 'host-1').sort())
    // Bridges that have forgotten where anybody is send everywhere; guests hear what is theirs all the same.
    for (const host of ['host-1', 'host-2', 'host-3']) for (const device of await devices(c, host, 't')) await on(c, host, 'ip', 'link', 'set', 'dev', device, 'type', 'bridge_slave', 'fdb_flush').catch(() => {})
    equal('to red2, not known where', (await says(one, two)).red3, undefined)
    const unknown = await listen(c, all, sign, () => send(one, ether('fa:16:3e:99:99:99', one.mac, '0800', packet4(one.v4, '10.7.0.99', 17, udp(9, 9, sign)))))
    equal('to a MAC nobody has', Object.keys(heard(unknown, 'red1')).filter((who) => !who.startsWith('wire')), [])
    equal("to the other project's MAC", Object.keys(await says(one, at('blue2'))).filter((who) => who.startsWith('blue')), [])
  })
  for (const [liar, to, neighbour] of [['red1', 'red2', 'red3'], ['blue3', 'blue1', 'blue2']] as const) {
    await steps.step(`what ${liar} forges leaves it, and neither its host nor to a neighbour there`, async () => {
      const me = at(liar), lies = forged(sign, { me, to: at(to), neighbour: at(neighbour), gateway: (me.user === 'admin' ? red : blue).gateway }), n = Object.keys(lies).length
      const counts = await listen(c, all, sign, () => send(me, ...Object.values(lies)))
      // All at once first; if any is heard, one by one, to name it.
      if (Object.keys(heard(counts, liar)).length) for (const [what, frame] of Object.entries(lies)) equal(`${what}: who heard it`, heard(await listen(c, all, sign, () => send(me, frame)), liar), {})
      equal('who heard any of it', heard(counts, liar), {})
      equal('seen leaving the guest', counts[liar]!.in, n)
      equal('what is not forged, by the same ears', await says(me, at(to)), { [to]: 1, [wireOf(me)]: 1 })
      console.log(`      ${n} kinds of forged frames left ${liar}; 5 guests and 3 wires heard none of them`)
    })
  }
  await steps.step('no host answers a guest over link-local IPv6, whatever it is called there', async () => {
    const me = at('red1'), every = `ff02${'0'.repeat(27)}1`, echo = `8000000000010001${sign}`
    const macs = (JSON.parse(await on(c, me.host, 'ip', '-j', 'link')) as { ifname: string; address: string }[]).filter((l) => l.address && l.ifname !== 'lo' && !/^v....t/.test(l.ifname)).map((l) => l.address)
    const back = async (...frames: string[]) => (await listen(c, all, sign, () => send(me, ...frames))).red1!.out
    equal('a neighbour answers', await back(ether(at('red2').mac, me.mac, '86dd', packet6(wide(me.v6), wide(at('red2').v6), echo))) > 0, true)
    equal(`${macs.length} devices of the host do not`, await back(...macs.flatMap((mac) => [packet6(local(me.mac), local(mac), echo), packet6(local(me.mac), every, echo)].map((p) => ether(mac, me.mac, '86dd', p)))), 0)
  })
  await steps.step('what a tenant may not ask for is refused, and changes nothing for anybody', async () => {
    const token = await c.token('demo'), mine = at('blue2').port, theirs = at('red2').port, v2 = '/network/v2.0'
    const rule = (more: object) => ['POST', `${v2}/security-group-rules`, { security_group_rule: { security_group_id: blue.group, direction: 'ingress', ...more } }] as const
    const port = (id: string, more: object) => ['PUT', `${v2}/ports/${id}`, { port: more }] as const
    const asked = [
      port(mine, { extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: 'x\ndhcp-option=3,10.7.0.66' }] }), port(mine, { extra_dhcp_opts: [{ opt_name: 'x\nport=0', opt_value: '1' }] }), port(mine, { dns_name: 'x\nno-dhcp-interface=dhcp0' }),
      rule({ protocol: '51', port_range_min: 80, port_range_max: 80 }), rule({ protocol: 'tcp', port_range_min: 90, port_range_max: 80 }), rule({ protocol: 'icmp', port_range_min: 999 }), rule({ remote_ip_prefix: '10.7.0.0/33' }), rule({ ethertype: 'IPv6', remote_ip_prefix: '10.7.0.0/24' }),
      port(mine, { device_owner: 'network:dhcp' }), port(mine, { device_owner: 'network:router_interface' }), port(mine, { mac_address: at('blue1').mac }), port(mine, { 'binding:host_id': 'host-1' }), port(mine, { fixed_ips: [{ ip_address: '10.7.0.11' }] }),
      port(theirs, { name: 'mine' }), ['POST', `${v2}/ports`, { port: { network_id: red.network } }], ['PUT', `${v2}/routers/${blue.router}/add_router_interface`, { subnet_id: red.subnets[0] }], ['PUT', `${v2}/ports/${theirs}/tags/x`, undefined],
      ['POST', `${v2}/floatingips`, { floatingip: { floating_network_id: (await c.call('demo', 'GET', `${v2}/networks?router%3Aexternal=true`)).networks[0].id, port_id: theirs } }], ['PUT', `${v2}/networks/${blue.network}`, { network: { shared: true } }], ['PUT', `${v2}/networks/${blue.network}`, { network: { 'router:external': true } }],
      port(mine, { allowed_address_pairs: Array.from({ length: 200 }, (_, i) => ({ ip_address: `10.7.1.${i}` })) }),
    ] as const
    const answers = await Promise.all(asked.map(async ([method, where, body]) => (await c.ask(method, where, { token, body })).status))
    equal('refused', asked.filter((_, i) => answers[i]! < 400 || answers[i]! >= 500).map(([method, where, body]) => `${method} ${where} ${JSON.stringify(body)}`), [])
    await matrix()
  })
  await steps.step('an allowed pair lets through just that; without port security what was forged passes, and with it again no more', async () => {
    const me = at('blue3'), to = at('blue1'), as = (v4: string) => honest(sign, { ...me, v4 }, to)
    const change = async (more: object) => {
      await c.call('demo', 'PUT', `/network/v2.0/ports/${me.port}`, { port: more })
      await sleep(3000)
    }
    /** Whether it leaves the host, and whether the other, whose rules let in members of its group, hears it. */
    const hears = async (v4: string) => { const who = await says(me, to, as(v4)); return [who[wireOf(me)] ?? 0, who.blue1 ?? 0] }
    await change({ allowed_address_pairs: [{ ip_address: '10.7.0.66' }] })
    equal('its pair, and another', [await hears('10.7.0.66'), await hears('10.7.0.67')], [[1, 1], [0, 0]])
    await change({ allowed_address_pairs: [], security_groups: [], port_security_enabled: false })
    equal('anything', await hears('10.7.0.67'), [1, 0])
    await change({ port_security_enabled: true, security_groups: [blue.group] })
    equal('no more', await hears('10.7.0.67'), [0, 0])
    equal('itself', await hears(me.v4), [1, 1])
  })
  await steps.step('a rule that goes, and a floating address that goes, end what they had let in', async () => {
    const [one, two] = [at('red1'), at('red2')]
    await two.guest.run('(while :; do echo tick; sleep 0.2; done) 2>/dev/null | nc -l -p 81 > /dev/null 2>&1 &')
    await one.guest.run(`nc ${two.v4} 81 > /run/flow 2>/dev/null < /dev/zero & sleep 2`)
    const size = async () => Number(await one.guest.run('wc -c < /run/flow'))
    const grows = async () => { const before = await size(); await sleep(1500); return await size() > before }
    await until('it flows', 20, grows)
    const { security_group_rules: rules } = await c.call('admin', 'GET', `/network/v2.0/security-group-rules?security_group_id=${red.group}&direction=ingress`)
    const [mutual] = rules.filter((r: { remote_group_id?: string; ethertype: string }) => r.remote_group_id && r.ethertype === 'IPv4')
    const since = performance.now()
    await c.call('admin', 'DELETE', `/network/v2.0/security-group-rules/${mutual.id}`)
    await until('it ends', 20, async () => !await grows())
    console.log(`      silent at most ${((performance.now() - since) / 1000).toFixed(1)} s after the rule was deleted`)
    equal('nor again', await asks(one, [two.v4]), ['-'])
    await c.call('admin', 'POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: red.group, direction: 'ingress', ethertype: 'IPv4', remote_group_id: red.group } })
    await until('again, with the rule', 30, async () => (await asks(one, [two.v4]))[0] === 'red2')
    const session = two.guest.talk()
    await until('a session', 30, async () => session.last > 0)
    const { floatingips: [f] } = await c.call('admin', 'GET', `/network/v2.0/floatingips?floating_ip_address=${two.floating}`)
    await c.call('admin', 'PUT', `/network/v2.0/floatingips/${f.id}`, { floatingip: { port_id: null } })
    await until('the session hears nothing', 20, async () => session.silence > 3000)
    session.end()
    await c.call('admin', 'PUT', `/network/v2.0/floatingips/${f.id}`, { floatingip: { port_id: two.port } })
    await two.guest.up(60)
  })
  await steps.step('while the control plane hangs, every host answers its guests metadata, and leases are renewed', async () => {
    const pid = c.pid('functions')!
    process.kill(pid, 'SIGSTOP')
    try {
      const told = await Promise.all(all.map((m) => m.guest.run('timeout 20 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json')))
      equal('whose it is', told.map((text) => JSON.parse(text).uuid), all.map((m) => m.server))
      await leases()
    } finally { process.kill(pid, 'SIGCONT') }
  })
  await steps.step('while no bridge runs, guests renew their leases and talk; afterwards too', async () => {
    const before = await dnsmasqs(), runner = c.pid('runner')!, old = c.pid('bridge')!
    process.kill(runner, 'SIGSTOP')
    try {
      process.kill(old, 'SIGKILL')
      await until('no bridge', 10, async () => !existsSync(`/proc/${old}/exe`))
      await leases()
      await matrix()
    } finally { process.kill(runner, 'SIGCONT') }
    await c.back('bridge', old, 60)
    const since = new Date().toISOString()
    await until('every host heard from since', 60, async () => (await c.call('admin', 'GET', '/hosts')).hosts.every((h: { last_seen_at: string }) => h.last_seen_at > since))
    equal('the same dnsmasq everywhere', await dnsmasqs(), before)
    await leases()
  })
}

async function leases() {
  const got = await Promise.all(all.map((m) => m.guest.run(`printf '#!/bin/sh\\n[ $1 = deconfig ] || echo $1 $ip\\n' > /run/told; chmod +x /run/told; udhcpc -i eth0 -n -q -t 8 -T 2 -r ${m.v4} -s /run/told 2>/dev/null`)))
  equal('leases', got, all.map((m) => `bound ${m.v4}`))
}
async function dnsmasqs() {
  return (await Promise.all(['host-1', 'host-2', 'host-3'].map((host) => on(c, host, 'sh', '-c', 'cat /run/virga/*/d-*/pid')))).map((text) => text.split('\n').filter(Boolean).sort())
}

if (await steps.step(`npm start -- ${args.join(' ')}`, () => c.start(900).then(() => true))) {
  if (await steps.step('six servers of two projects on three hosts, at the same addresses', begin)) await story()
}
if (!values.keep) await steps.step('npm run reset', async () => { await c.reset(); equal('the folder', existsSync(c.data), false) })
process.exit(steps.close())
