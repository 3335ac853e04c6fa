import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { insiders } from '../../local/host/libvirtd.ts'
import { root } from '../../local/layout.ts'
import { equal, matches } from '../clients/cli.ts'
import { Guest } from '../clients/guest.ts'
import { Host } from '../clients/host.ts'
import { rootOnDebian } from '../clients/packages.ts'
import { pings } from '../harness/pings.ts'
import { Running } from '../harness/running.ts'
import { sh, Steps, until } from '../steps.ts'
import { on } from './places.ts'

/**
 * Real guests between real hosts on one machine: moved while they run under ping and an open session, moved off, taken
 * back, drained, evacuated from a host that says nothing, and back after a host went down. `--times N`: how often the
 * first is done; `--keep`.
 */
const { values } = parseArgs({ options: { keep: { type: 'boolean' }, times: { type: 'string', default: '1' } } })
const steps = new Steps()
if (!rootOnDebian()) {
  console.log('skip  moving real guests (needs root on Debian)')
  process.exit(steps.close())
}
const c = await Running.make(['--hypervisor', 'libvirt', '--hosts', '3']), dir = mkdtempSync(path.join(tmpdir(), 'virga-moves-')), key = path.join(dir, 'key')
process.on('exit', () => { c.child?.kill(); rmSync(dir, { recursive: true, force: true }) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
const call = (method: string, at: string, body?: unknown) => c.call('admin', method, at, body)
const host = new Host(c.data), names = ['host-1', 'host-2', 'host-3']
const places = (name: string) => path.join(host.at.in('hosts', name.slice(5)), 'libvirt')
const emulators = (name: string) => insiders(places(name)).filter((p) => p.command.startsWith('qemu-')).length
const disksOf = (name: string) => readdirSync(path.join(host.at.in('hosts', name.slice(5)), 'bridge', 'disks'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => f.name)
const operator = (...args: string[]) => sh('npm', ['run', '-s', 'host', '--', ...args, '--data', c.data], { cwd: root, timeout: 240_000 })

let id = '', guest: Guest, volume = ''
const show = async () => (await call('GET', `/compute/v2.1/servers/${id}`)).server
const at = async () => (await show())['OS-EXT-SRV-ATTR:host'] as string
const act = (body: unknown) => call('POST', `/compute/v2.1/servers/${id}/action`, body)
const settled = (status: string, seconds = 120) => until(status, seconds, async () => { const s = await show(); if (s.status === 'ERROR') throw new Error(JSON.stringify(s.fault)); return s.status === status && !s['OS-EXT-STS:task_state'] && s })
const booted = () => guest.run('cat /proc/sys/kernel/random/boot_id')
/** The disk that is the volume, whatever bus it is on. */
const disk = () => guest.run("for d in /sys/block/[sv]d[a-z]; do [ $(basename $d) = vda ] || echo /dev/$(basename $d); done | head -1")
const sum = async () => guest.run(`sync; dd if=${await disk()} bs=1M count=8 2>/dev/null | md5sum; md5sum < /root/kept`)
if (await steps.step('npm start -- --hypervisor libvirt --hosts 3', () => c.start(900).then(() => true))) await story()
if (!values.keep) await steps.step('npm run reset', async () => { await c.reset(); equal('the folder', existsSync(c.data), false) })
process.exit(steps.close())

async function story() {
  await steps.step('a server with a volume of its own, on host-1', async () => {
    const { networks } = await call('GET', '/network/v2.0/networks?router%3Aexternal=true')
    const { network } = await call('POST', '/network/v2.0/networks', { network: { name: 'moves' } })
    const { subnet } = await call('POST', '/network/v2.0/subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.44.0.0/24', name: 'moves' } })
    const { router } = await call('POST', '/network/v2.0/routers', { router: { name: 'moves', external_gateway_info: { network_id: networks[0].id } } })
    await call('PUT', `/network/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id })
    const { security_groups: [group] } = await call('GET', `/network/v2.0/security-groups?name=default&project_id=${network.project_id}`)
    for (const rule of [{ protocol: 'tcp', port_range_min: 22, port_range_max: 22 }, { protocol: 'icmp' }]) await call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: group.id, direction: 'ingress', ...rule } })
    const { keypair } = await call('POST', '/compute/v2.1/os-keypairs', { keypair: { name: 'moves', type: 'ssh' } })
    writeFileSync(key, keypair.private_key, { mode: 0o600 })
    const { images: [image] } = await call('GET', '/image/v2/images?name=tiny'), { flavors } = await call('GET', '/compute/v2.1/flavors')
    const { server } = await call('POST', '/compute/v2.1/servers', { server: {
      name: 'mover', flavorRef: flavors.find((f: { name: string }) => f.name === 'm1.nano').id, networks: [{ uuid: network.id }], key_name: 'moves', host: 'host-1', config_drive: true,
      block_device_mapping_v2: [{ boot_index: 0, uuid: image.id, source_type: 'image', destination_type: 'local' }, { boot_index: -1, source_type: 'blank', destination_type: 'volume', volume_size: 1 }],
    } })
    id = server.id
    await settled('ACTIVE')
    volume = (await show())['os-extended-volumes:volumes_attached'][0].id
    const { ports: [port] } = await call('GET', `/network/v2.0/ports?device_id=${id}`)
    const { floatingip } = await call('POST', '/network/v2.0/floatingips', { floatingip: { floating_network_id: networks[0].id, port_id: port.id } })
    guest = new Guest(floatingip.floating_ip_address, key)
    equal('its name', await guest.up(), 'mover')
    await guest.run(`dd if=/dev/urandom of=${await disk()} bs=1M count=8; dd if=/dev/urandom of=/root/kept bs=1M count=4; sync`)
  })
  /** To a host that is not the router's, so that what is known of connections must have come along. */
  await steps.step('while it runs: an open session and ping go on, its disks and its volume are as they were', async () => {
    const { routers: [router] } = await call('GET', '/network/v2.0/routers?name=moves'), before = await sum(), boot = await booted()
    const { agents } = await call('GET', `/network/v2.0/routers/${router.id}/l3-agents`).catch(() => ({ agents: [] }))
    const target = names.find((n) => n !== 'host-1' && n !== agents[0]?.host)!
    const flow = guest.talk()
    await until('it talks', 20, async () => flow.last > 0)
    const pinging = pings(guest.address)
    await sleep(1000)
    const since = performance.now()
    await act({ 'os-migrateLive': { host: target, block_migration: 'auto' } })
    equal('its host', (await settled('ACTIVE'))['OS-EXT-SRV-ATTR:host'], target)
    const took = performance.now() - since
    const talks = await until('the same session talks', 20, async () => flow.silence < 1000).catch((error: Error) => error)
    const { gap } = await pinging.end()
    flow.end()
    if (talks instanceof Error) throw new Error(`${talks.message}; last heard ${Math.round(flow.silence / 1000)} s ago; longest time without an answer to ping: ${gap} ms; it answers ping now: ${await guest.pings()}`)
    const { migrations: [move] } = await call('GET', '/compute/v2.1/os-migrations')
    console.log(`      moved in ${(took / 1000).toFixed(1)} s; longest time without an answer to ping: ${gap} ms`)
    equal('the move', [move.status, move.migration_type, move.dest_compute], ['completed', 'live-migration', target])
    equal('no reboot, the same bytes', [await booted(), await sum()], [boot, before])
    equal('where it runs', names.map(emulators), names.map((n) => (n === target ? 1 : 0)))
    await until('nothing left on host-1', 20, async () => disksOf('host-1').length === 0)
    equal('where its volume is', (await call('GET', `/volume/v3/volumes/${volume}`)).volume['os-vol-host-attr:host'].split('@')[0], target)
    matches('its console goes on', (await act({ 'os-getConsoleOutput': {} })).output, /guest: ready/)
  })
  if (values.times !== '1') await steps.step(`${values.times} times more: each time the session and ping go on, at once`, async () => {
    const gaps: number[] = [], waits: number[] = []
    for (let n = 0; n < Number(values.times); n++) {
      const from = await at(), flow = guest.talk(), target = names[(names.indexOf(from) + 1 + n % 2) % 3]!
      await until('it talks', 30, async () => flow.last > 0)
      const pinging = pings(guest.address)
      await sleep(500)
      // Where it has just been, what it left must be cleared away first.
      await until(`a move to ${target}`, 30, () => act({ 'os-migrateLive': { host: target, block_migration: 'auto' } }).then(() => true))
      await until(`on ${target}`, 180, async () => { const s = await show(); return !s['OS-EXT-STS:task_state'] && s['OS-EXT-SRV-ATTR:host'] === target })
      const since = performance.now()
      await until(`move ${n + 1}, to ${target}: the same session talks`, 60, async () => flow.silence < 1000).catch(async (error: Error) => { throw new Error(`${error.message}; it answers ping: ${await guest.pings()}; the end of its console: ${(await act({ 'os-getConsoleOutput': { length: 3 } })).output}`) })
      waits.push(Math.round(performance.now() - since))
      await sleep(500)
      gaps.push((await pinging.end()).gap)
      flow.end()
    }
    console.log(`      longest times without an answer to ping, ms: ${gaps.join(' ')}; until the session was heard after the end of the move, ms: ${waits.join(' ')}`)
  })
  await steps.step('writing memory faster than it can be sent, it does not arrive; held up on request, it does, and goes on', async () => {
    const from = await at(), boot = await booted(), pinging = pings(guest.address)
    const busy = async () => Number(await guest.run("cat /run/rounds 2>/dev/null || echo 0"))
    await guest.run("(n=0; while [ -e /dev/shm ] && ! [ -e /run/enough ]; do dd if=/dev/urandom of=/run/seed bs=1M count=2 2>/dev/null; for i in 1 2 3 4 5 6 7 8 9 10; do for k in 1 2 3 4 5 6 7 8 9 10; do cat /run/seed; done > /dev/shm/dirt; done; n=$((n+1)); echo $n > /run/rounds; done) > /dev/null 2>&1 &")
    await until('it writes', 60, async () => await busy() > 1)
    // A slow link once its disks are over, so that a small guest is enough.
    const domain = (await on(c, from, 'virsh', 'list', '--name')).trim(), pace = (speed: number) => on(c, from, 'virsh', 'migrate-setspeed', domain, String(speed))
    await pace(48)
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    const under = async () => (await call('GET', `/compute/v2.1/servers/${id}/migrations`)).migrations[0]
    await until('its disks are over', 120, async () => { const m = await under(); return m?.memory_total_bytes > 0 || (m?.disk_total_bytes > 0 && m.disk_remaining_bytes < 32 << 20) })
    await pace(8)
    await until('all of its memory is sent, and it is still on its way', 120, async () => { const m = await under(); return m?.status === 'running' && m.memory_processed_bytes > m.memory_total_bytes })
    await sleep(5000)
    const still = await under()
    equal('still on its way', still?.status, 'running')
    await call('POST', `/compute/v2.1/servers/${id}/migrations/${still.id}/action`, { force_complete: null })
    const forced = performance.now()
    await settled('ACTIVE', 120)
    console.log(`      ${(still.memory_processed_bytes / still.memory_total_bytes).toFixed(1)} times its memory had been sent; held up, it arrived ${((performance.now() - forced) / 1000).toFixed(1)} s later`)
    equal('another host', (await at()) !== from, true)
    const rounds = await busy()
    await until('it goes on writing', 60, async () => await busy() > rounds)
    await guest.run('touch /run/enough; sleep 1; rm -f /run/enough /dev/shm/dirt')
    console.log(`      longest time without an answer to ping: ${(await pinging.end()).gap} ms`)
    equal('no reboot; where it runs', [await booted(), names.reduce((n, h) => n + emulators(h), 0)], [boot, 1])
  })
  await steps.step('paused: it is paused there, too', async () => {
    const from = await at()
    await act({ pause: null })
    await settled('PAUSED')
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    await until('on another host', 120, async () => (await at()) !== from && !(await show())['OS-EXT-STS:task_state'])
    equal('its state', (await show()).status, 'PAUSED')
    await act({ unpause: null })
    await settled('ACTIVE')
    equal('it answers', await guest.up(30), 'mover')
  })
  await steps.step('ended on request: it stays where it is and goes on', async () => {
    const from = await at(), boot = await booted()
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    const { migrations: [move] } = await until('it goes', 60, async () => { const r = await call('GET', `/compute/v2.1/servers/${id}/migrations`); return r.migrations[0]?.status === 'running' && r })
    await call('DELETE', `/compute/v2.1/servers/${id}/migrations/${move.id}`)
    await settled('ACTIVE')
    const { migrations: [after] } = await call('GET', '/compute/v2.1/os-migrations')
    equal('the move', [after.status, await at() === from], after.status === 'completed' ? ['completed', false] : ['cancelled', true])
    equal('no reboot', await booted(), boot)
  })
  await steps.step('off and over, with its volume; taken back; over again and confirmed', async () => {
    const before = await sum(), from = await at()
    await act({ migrate: null })
    await settled('VERIFY_RESIZE', 180)
    const to = await at()
    equal('another host', to !== from, true)
    equal('the same bytes', (await guest.up(), await sum()), before)
    await guest.run(`dd if=/dev/urandom of=${await disk()} bs=1M count=8; sync`)
    const [written] = (await sum()).split('\n')
    await act({ revertResize: null })
    await settled('ACTIVE', 180)
    equal('its host again', await at(), from)
    await guest.up()
    equal('what was written to the volume meanwhile, and its own disk', (await sum()).split('\n')[0], written)
    await until('nothing left on the other', 20, async () => disksOf(to).length === 0)
    await act({ migrate: null })
    await settled('VERIFY_RESIZE', 180)
    await act({ confirmResize: null })
    await until('nothing left on the first', 20, async () => disksOf(from).length === 0)
    await settled('ACTIVE')
    await guest.up()
  })
  await steps.step('npm run host -- drain: the host is empty, the guest runs elsewhere', async () => {
    const from = await at(), boot = await booted(), pinging = pings(guest.address)
    const { stdout } = await operator('drain', from, '--reason', 'test')
    console.log(`      longest time without an answer to ping: ${(await pinging.end()).gap} ms`)
    matches('what it said', stdout, new RegExp(`${from} is empty`))
    equal('no reboot, another host', [await booted(), (await at()) !== from, emulators(from)], [boot, true, 0])
    await operator('undrain', from)
  })
  await steps.step('its host says nothing and is evacuated; when it is back, what it had is ended', async () => {
    await call('DELETE', `/compute/v2.1/servers/${id}/os-volume_attachments/${volume}`)
    await until('without the volume', 60, async () => !(await show())['os-extended-volumes:volumes_attached'].length)
    const from = await at(), address = (await show()).addresses
    const bridge = readdirSync('/proc').filter((p) => /^\d+$/.test(p)).find((p) => { try { const line = readFileSync(`/proc/${p}/cmdline`, 'utf8').split('\0'); return line.includes(from) && line.some((a) => a.endsWith('bridge/main.ts')) && line.includes(host.tag) && !line.includes('nsenter') } catch { return false } })
    process.kill(Number(bridge), 'SIGSTOP')
    const since = performance.now()
    const { stdout } = await operator('evacuate', from)
    matches('what it said', stdout, /comes up elsewhere/)
    const s = await settled('ACTIVE', 180)
    console.log(`      up elsewhere after ${((performance.now() - since) / 1000).toFixed(1)} s`)
    equal('another host, the same addresses', [s['OS-EXT-SRV-ATTR:host'] !== from, s.addresses], [true, address])
    equal('the old guest is still there', emulators(from), 1)
    process.kill(Number(bridge), 'SIGCONT')
    await until('the old guest is ended', 40, async () => emulators(from) === 0)
    equal('one in all', names.reduce((n, h) => n + emulators(h), 0), 1)
    await operator('undrain', from)
    equal('it answers', await guest.up(), 'mover')
  })
  await steps.step('its host goes down and comes up: the guest is started again, with a volume', async () => {
    const home = await at()
    const { volume: v } = await call('POST', '/volume/v3/volumes', { volume: { size: 1, name: 'stays' } })
    const own = await until('available', 60, async () => { const r = await call('GET', `/volume/v3/volumes/${v.id}`); return r.volume.status === 'available' && r.volume['os-vol-host-attr:host'].split('@')[0] })
    const attached = own === home && await call('POST', `/compute/v2.1/servers/${id}/os-volume_attachments`, { volumeAttachment: { volumeId: v.id } }).then(() => true)
    if (attached) await until('attached', 60, async () => (await call('GET', `/volume/v3/volumes/${v.id}`)).volume.status === 'in-use')
    const boot = await booted()
    for (const { pid } of insiders(places(home))) try { process.kill(pid, 'SIGKILL') } catch { /* gone with the others */ }
    await until('started again', 120, async () => (await show()).status === 'ACTIVE' && !(await show())['OS-EXT-STS:task_state'] && emulators(home) === 1)
    await guest.up()
    equal('a new boot', (await booted()) !== boot, true)
    if (attached) matches('its volume', await disk(), /^\/dev\//)
    console.log(`      ${attached ? 'with' : 'without'} a volume, which was made on ${own}`)
  })
}
