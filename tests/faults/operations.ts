import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Running, Said } from '../harness/running.ts'
import type { Chance } from './chance.ts'

export interface Server { id: string; name: string; state: string; task: string | null; fault: string | null; host: string | null; port: string | null; ports: number }
export interface Volume { id: string; status: string; server: string | null; snapshots: number }
export interface Rows {
  servers: Server[]; volumes: Volume[]; snapshots: { id: string }[]; backups: { id: string; volume: string }[]; images: { id: string; status: string }[]
  floating: { id: string; port: string | null }[]; networks: { id: string; subnet: string | null }[]; routers: { id: string; subnet: string | null }[]
}
export interface Ingredients {
  image: string; flavor: string; bigger: string; network: string; outside: string
  /** Guests hold nothing that would let go of a disk or a card while they run: only servers that are off lose theirs. */
  deaf?: true
}

/** Asks, and hands back the answer when one came. */
export type Send = (kind: string, method: string, path: string, body?: unknown, as?: 'admin' | 'demo') => Promise<Said | undefined>

const compute = '/compute/v2.1/servers', net = '/network/v2.0', block = '/volume/v3'
export const kinds = ['create', 'delete', 'attach', 'detach', 'volume', 'unvolume', 'snapshot', 'unsnapshot', 'image', 'unimage', 'resize', 'confirm', 'revert', 'floating', 'unfloating', 'network', 'unnetwork', 'nic', 'unnic', 'stop', 'start', 'migrate', 'live', 'backup', 'unbackup', 'restore'] as const
export type Kind = typeof kinds[number]
/** What only these make possible: they are done with when what follows them is. */
const leads: Partial<Record<Kind, Kind[]>> = { attach: ['detach'], resize: ['confirm', 'revert'], stop: ['start'], image: ['unimage'], nic: ['unnic'] }

let made = 0
const name = (what: string) => `${what}-${++made}`
export const newServer = (of: Ingredients) => ({ server: { name: name('t'), imageRef: of.image, flavorRef: of.flavor, networks: [{ uuid: of.network }] } })

/**
 * What can be asked for as things are now, several at once: one round of operations. Those that make things stop when there
 * are enough, so that what there is neither grows nor runs out. A round of a bigger `size` has so many more of each. Where
 * several want the same server, those of which there were `enough` leave it to the others.
 */
export function round(rows: Rows, of: Ingredients, chance: Chance, send: Send, only: ReadonlySet<Kind>, size: number, enough: (kind: Kind) => boolean = () => false): { kind: Kind; run: () => Promise<unknown> }[] {
  const out: { kind: Kind; run: () => Promise<unknown> }[] = []
  const add = (kind: Kind, run: () => Promise<unknown>, odds = 1) => { if (only.has(kind) && chance.next() < odds) out.push({ kind, run }) }
  const ask = (kind: Kind, method: string, path: string, body?: unknown, odds = 1, as: 'admin' | 'demo' = 'demo') => add(kind, () => send(kind, method, path, body, as), odds)
  const { servers, volumes, snapshots, backups, images, floating, networks, routers } = rows
  const holds = (s: Server) => volumes.some((v) => v.server === s.id)
  const active = servers.filter((s) => s.state === 'active'), loose = of.deaf ? servers.filter((s) => s.state === 'stopped') : active
  const free = volumes.filter((v) => v.status === 'available' && !v.snapshots), used = volumes.filter((v) => v.server && (!of.deaf || loose.some((s) => s.id === v.server)))
  // Each thing is in one operation of a round at most, but for servers that are deleted with all they have.
  const idle = active.filter((s) => !holds(s))
  const one = <T>(from: T[], then: (it: T) => void) => { for (const it of chance.take(from, 1)) then(it) }
  const some = <T>(from: T[], then: (it: T) => void) => { for (const it of chance.take(from, size)) then(it) }
  const over = (all: { length: number }, most: number) => all.length > most * size

  for (let n = over(servers, 11) ? 0 : over(servers, 7) ? size : 3 * size; n > 0; n--) ask('create', 'POST', compute, newServer(of))
  some(used, (v) => ask('detach', 'DELETE', `${compute}/${v.server}/os-volume_attachments/${v.id}`))
  if (!over(volumes, 7)) for (let n = size; n > 0; n--) ask('volume', 'POST', `${block}/volumes`, { volume: { size: 1, name: name('v') } })
  else some(free, (v) => ask('unvolume', 'DELETE', `${block}/volumes/${v.id}`))
  if (over(snapshots, 2)) some(snapshots, (s) => ask('unsnapshot', 'DELETE', `${block}/snapshots/${s.id}`))
  else some(free, (v) => ask('snapshot', 'POST', `${block}/snapshots`, { snapshot: { volume_id: v.id, name: name('n') } }))
  // A restore makes a volume; one that is being restored from stays a round longer.
  if (over(backups, 2)) some(backups, (b) => ask('unbackup', 'DELETE', `${block}/backups/${b.id}`))
  else {
    some(backups, (b) => ask('restore', 'POST', `${block}/backups/${b.id}/restore`, { restore: { name: name('v') } }, over(volumes, 7) ? 0 : 0.5))
    some(volumes.filter((v) => ['available', 'in-use'].includes(v.status)), (v) => ask('backup', 'POST', `${block}/backups`, { backup: { volume_id: v.id, name: name('b'), force: true, incremental: backups.some((b) => b.volume === v.id) } }))
  }
  if (over(images, 2)) some(images, (i) => ask('unimage', 'DELETE', `/image/v2/images/${i.id}`))
  for (const s of servers.filter((s) => s.state === 'resized')) {
    const drawn = chance.next() < 0.5, kind = (enough('confirm') === enough('revert') ? drawn : enough('revert')) ? 'confirm' : 'revert'
    ask(kind, 'POST', `${compute}/${s.id}/action`, { [`${kind}Resize`]: null })
  }
  if (!over(floating, 3)) some(active.filter((s) => s.port && !floating.some((f) => f.port === s.port)), (s) => ask('floating', 'POST', `${net}/floatingips`, { floatingip: { floating_network_id: of.outside, port_id: s.port } }))
  else some(floating, (f) => add('unfloating', async () => {
    if (chance.next() < 0.5) await send('unfloating', 'PUT', `${net}/floatingips/${f.id}`, { floatingip: { port_id: null } })
    await send('unfloating', 'DELETE', `${net}/floatingips/${f.id}`)
  }))
  if (!over(networks, 2)) for (let n = size; n > 0; n--) add('network', () => wholeNetwork(of, send))
  else some(networks, (n) => add('unnetwork', () => noNetwork(n, routers, send)))
  // Where cards are taken from servers that are off only, those that have one too many stay off until they have not.
  some(servers.filter((s) => s.state === 'stopped' && !(of.deaf && s.ports > 1)), (s) => ask('start', 'POST', `${compute}/${s.id}/action`, { 'os-start': null }, 0.8))
  some(loose.filter((s) => s.ports > 1), (s) => ask('unnic', 'DELETE', `${compute}/${s.id}/os-interface/${s.port}`))
  if (of.deaf) some(active.filter(holds), (s) => ask('stop', 'POST', `${compute}/${s.id}/action`, { 'os-stop': null }))
  // Each wants a server for itself: who comes first is drawn, for there are not enough for all.
  const act = (kind: Kind, body: object, as?: 'admin') => [kind, () => one(idle, (s) => ask(kind, 'POST', `${compute}/${s.id}/action`, body, 1, as))] as const
  const attach = ['attach', () => one(free, (v) => one(idle, (s) => ask('attach', 'POST', `${compute}/${s.id}/os-volume_attachments`, { volumeAttachment: { volumeId: v.id } })))] as const
  const wants = Array.from({ length: size }, () => [
    attach, attach, act('resize', { resize: { flavorRef: of.bigger } }), act('stop', { 'os-stop': null }), act('migrate', { migrate: null }, 'admin'), act('live', { 'os-migrateLive': { host: null, block_migration: 'auto' } }, 'admin'),
    ...(!over(images, 2) ? [act('image', { createImage: { name: name('i') } })] : []),
    ['nic', () => one(networks.filter((n) => n.subnet), (n) => one(of.deaf && chance.next() < 0.7 ? loose : idle, (s) => ask('nic', 'POST', `${compute}/${s.id}/os-interface`, { interfaceAttachment: { net_id: n.id } })))] as const,
  ]).flat().filter(([kind]) => ![kind, ...leads[kind] ?? []].every(enough))
  for (const [, want] of chance.take(wants, wants.length)) want()
  // Deleted with their volumes, or while something else happens to them, or twice: all of it must end well.
  for (const s of chance.take(servers.filter((s) => s.state !== 'active' || chance.next() < 0.4), over(servers, 9) ? 3 * size : size)) ask('delete', 'DELETE', `${compute}/${s.id}`)
  return out
}

async function wholeNetwork(of: Ingredients, send: Send) {
  const n = (await send('network', 'POST', `${net}/networks`, { network: { name: name('n') } }))?.body?.network
  const s = n && (await send('network', 'POST', `${net}/subnets`, { subnet: { network_id: n.id, ip_version: 4, cidr: '10.90.0.0/24' } }))?.body?.subnet
  const r = s && (await send('network', 'POST', `${net}/routers`, { router: { name: name('r'), external_gateway_info: { network_id: of.outside } } }))?.body?.router
  if (r) await send('network', 'PUT', `${net}/routers/${r.id}/add_router_interface`, { subnet_id: s.id })
}
async function noNetwork(n: Rows['networks'][number], routers: Rows['routers'], send: Send) {
  for (const r of routers.filter((r) => r.subnet === n.subnet || r.subnet === null)) {
    if (r.subnet) await send('unnetwork', 'PUT', `${net}/routers/${r.id}/remove_router_interface`, { subnet_id: r.subnet })
    await send('unnetwork', 'DELETE', `${net}/routers/${r.id}`)
  }
  await send('unnetwork', 'DELETE', `${net}/networks/${n.id}`)
}

/** What there is of the demo project and these rounds. */
export async function look(c: Running): Promise<Rows> {
  const all = <T>(text: string) => q.all<T>(sql.raw(text))
  const [servers, volumes, snapshots, backups, images, floating, networks, routers] = await c.db().read([
    all(`select id, name, state, task, fault, host, (select p.id from port p where p.device = s.id order by p.created_at limit 1) as port, (select count(*) from port p where p.device = s.id) as ports from server s where name like 't-%' order by created_at, id`),
    all(`select v.id, v.status, a.server, (select count(*) from snapshot n where n.volume = v.id) as snapshots from volume v left join attachment a on a.volume = v.id where v.name like 'v-%' order by v.created_at, v.id`),
    all(`select id from snapshot where name like 'n-%' and status = 'available' order by created_at, id`),
    all(`select id, volume from volume_backup b where name like 'b-%' and status = 'available' and not exists (select 1 from volume_backup c where c.parent = b.id) order by created_at, id`),
    all(`select id, status from image where name like 'i-%' order by created_at, id`),
    all(`select id, port from floating_ip order by id`),
    all(`select id, (select u.id from subnet u where u.network = n.id limit 1) as subnet from network n where name like 'n-%' order by id`),
    all(`select r.id, i.subnet from router r left join router_interface i on i.router = r.id where name like 'r-%' order by r.id`),
  ]) as unknown as [Server[], Volume[], { id: string }[], Rows['backups'], Rows['images'], Rows['floating'], Rows['networks'], Rows['routers']]
  return { servers, volumes, snapshots, backups, images, floating, networks, routers }
}

/** What servers are made of. */
export async function ingredients(c: Running): Promise<Ingredients> {
  const [[found]] = await c.db().read([q.all<Ingredients>(sql`select (select id from image where name = 'tiny') as image, (select id from flavor where name = 'm1.nano') as flavor, (select id from flavor where name = 'm1.micro') as bigger,
    (select id from network where name = 'demo') as network, (select id from network where external = 1) as outside`)]) as unknown as [Ingredients[]]
  return found
}
