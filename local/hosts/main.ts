import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { api, type Api } from './api.ts'
import { install, uninstall } from './install.ts'

/** npm run host: what an operator does with hosts. */
const usage = `npm run host -- COMMAND [HOST] [--data DIR]

  list                     hosts, whether they are up, what they are for
  add                      mint a token and say what to run on the new machine
  install FLAGS            on the new machine: make it a host (packages, identity, systemd unit); FLAGS are those of npm run bridge
  uninstall                on a machine that is to be a host no more: remove all that made it one, its guests included
  drain HOST               take no new servers and move away those there are; says how far it is until it is done
        [--reason TEXT] [--no-wait]
  undrain HOST             take servers again
  evacuate HOST            the host is dead: bring its servers up elsewhere (it is forced down first)
  set HOST --resume-guests on|off
                           whether guests that ran start again when the host comes back up
  remove HOST              forget a host that has nothing left
  orphans HOST             guests on it that no server is
        [--remove ID]      end this one and delete its own disks; its volumes stay

Credentials come from the environment, as for openstack (source an admin's openrc), or from DIR/openrc.`

interface Host { id: string; name: string; up: boolean; enabled: boolean; draining: boolean; forced_down: boolean; disabled_reason: string | null; last_seen_at: string; version: string | null; resume_guests: boolean }
interface Drain { servers: number; other: number; volumes: number; snapshots: number; routers: number; jobs: number; moving: { name: string; task: string }[]; stays: { id: string; name: string; why: string }[] }

const say = (text: string) => console.log(text)

async function named(cloud: Api, name: string | undefined): Promise<Host> {
  if (!name) throw new Error('which host? See npm run host -- list')
  const { hosts } = await cloud.call<{ hosts: Host[] }>('GET', '/hosts')
  const found = hosts.find((h) => h.name === name || h.id === name)
  if (!found) throw new Error(`there is no host ${name}; there are ${hosts.map((h) => h.name).join(', ') || 'none'}`)
  return found
}

const words = (h: Host) => [h.up ? 'up' : 'down', h.enabled ? 'enabled' : `disabled${h.disabled_reason ? ` (${h.disabled_reason})` : ''}`, h.draining && 'draining', h.forced_down && 'forced down'].filter(Boolean).join(', ')
const left = (d: Drain) => `${d.servers} servers left${d.moving.length ? `, moving: ${d.moving.map((m) => m.name).join(', ')}` : ''}`

/** Says what changes until nothing moves any more; false when something stays. */
async function watch(cloud: Api, host: Host): Promise<boolean> {
  let said = ''
  for (let quiet = 0; ;) {
    const { drain: d } = await cloud.call<{ drain: Drain }>('GET', `/hosts/${host.id}/drain`)
    const now = left(d)
    if (now !== said) say(`  ${new Date().toISOString().slice(11, 19)} ${said = now}`)
    if (!d.servers) break
    // What stays is looked at by the cloud now and then; nothing but that for a while is the end of it.
    quiet = d.moving.length || d.stays.length < d.servers ? 0 : quiet + 1
    if (quiet > 5) {
      for (const s of d.stays) say(`  stays: ${s.name} (${s.id}) ${s.why}`)
      return false
    }
    await sleep(1000)
  }
  const { drain: d } = await cloud.call<{ drain: Drain }>('GET', `/hosts/${host.id}/drain`)
  if (d.volumes || d.snapshots) say(`  it still keeps ${d.volumes} volumes and ${d.snapshots} snapshots that no server there uses`)
  return true
}

async function evacuate(cloud: Api, host: Host): Promise<boolean> {
  await cloud.call('PATCH', `/hosts/${host.id}`, { forced_down: true, enabled: false, disabled_reason: host.disabled_reason ?? 'dead' })
  say(`${host.name} is forced down: be sure that it is off, or its guests run twice until it is back`)
  const { servers } = await cloud.call<{ servers: { id: string; name: string; status: string }[] }>('GET', `/compute/v2.1/servers/detail?all_tenants=1&host=${encodeURIComponent(host.name)}`)
  let whole = true
  for (const s of servers) {
    await cloud.call('POST', `/compute/v2.1/servers/${s.id}/action`, { evacuate: {} }).then(() => say(`  ${s.name} (${s.id}) comes up elsewhere`), (error: Error) => { whole = false; say(`  ${s.name} (${s.id}) stays: ${error.message}`) })
  }
  return whole
}

async function main(): Promise<number> {
  const [first, ...rest] = process.argv.slice(2)
  if (first === 'install') { await install(rest); return 0 }
  if (first === 'uninstall') { await uninstall(); return 0 }
  const { values, positionals: [command, name] } = parseArgs({ allowPositionals: true, allowNegative: true, options: { data: { type: 'string' }, reason: { type: 'string' }, wait: { type: 'boolean', default: true }, 'resume-guests': { type: 'string' }, remove: { type: 'string' }, help: { type: 'boolean' } } })
  if (values.help || !command) { say(usage); return command ? 0 : 2 }
  const cloud = await api(values.data && path.join(values.data, 'openrc'))
  switch (command) {
    case 'list':
      for (const h of (await cloud.call<{ hosts: Host[] }>('GET', '/hosts')).hosts) say(`${h.name.padEnd(24)} ${h.id}  ${words(h)}; seen ${h.last_seen_at}${h.version ? `, bridge ${h.version}` : ''}; guests after a restart: ${h.resume_guests ? 'started' : 'left off'}`)
      return 0
    case 'add': {
      const { enrollment } = await cloud.call<{ enrollment: { token: string; expires_at: string } }>('POST', '/hosts', {})
      say(`On the new machine, before ${enrollment.expires_at}:\n\n  VIRGA_ENROLL=${enrollment.token} npm run host -- install --cloud ${cloud.url} --underlay ADDRESS\n`)
      return 0
    }
    case 'drain': {
      const host = await named(cloud, name)
      await cloud.call('POST', `/hosts/${host.id}/drain`, values.reason ? { reason: values.reason } : {})
      say(`${host.name} takes no new servers${values.wait ? '' : '; npm run host -- drain again shows how far it is'}`)
      if (!values.wait) return 0
      const empty = await watch(cloud, host)
      say(empty ? `${host.name} is empty` : `${host.name} is not empty`)
      return empty ? 0 : 1
    }
    case 'undrain': {
      const host = await named(cloud, name)
      await cloud.call('DELETE', `/hosts/${host.id}/drain`)
      if (host.forced_down) await cloud.call('PATCH', `/hosts/${host.id}`, { forced_down: false })
      say(`${host.name} takes servers again`)
      return 0
    }
    case 'evacuate': return await evacuate(cloud, await named(cloud, name)) ? 0 : 1
    case 'set': {
      const host = await named(cloud, name), on = values['resume-guests']
      if (on !== 'on' && on !== 'off') throw new Error('set takes --resume-guests on or off')
      await cloud.call('PATCH', `/hosts/${host.id}`, { resume_guests: on === 'on' })
      say(`guests of ${host.name} ${on === 'on' ? 'start again' : 'stay off'} when it comes back up`)
      return 0
    }
    case 'remove': {
      const host = await named(cloud, name)
      await cloud.call('DELETE', `/hosts/${host.id}`)
      say(`${host.name} is forgotten; on it, npm run host -- uninstall removes what made it one`)
      return 0
    }
    case 'orphans': {
      const host = await named(cloud, name)
      if (values.remove) {
        await cloud.call('DELETE', `/hosts/${host.id}/orphans/${encodeURIComponent(values.remove)}`)
        say(`${host.name} is told to remove ${values.remove}`)
      }
      const { orphans } = await cloud.call<{ orphans: { id: string; seen_at: string; removal: string | null; error: string | null }[] }>('GET', `/hosts/${host.id}/orphans`)
      for (const o of orphans) say(`${o.id}  first seen ${o.seen_at}${o.removal ? `; removal: ${o.removal}${o.error ? `, ${o.error}` : ''}` : ''}`)
      if (!orphans.length) say(`${host.name} shows no guest that is not a server's`)
      return 0
    }
    default: say(usage); return 2
  }
}

process.exit(await main().catch((error: Error) => { console.error(`host: ${error.message}`); return 1 }))
