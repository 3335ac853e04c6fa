import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Running } from '../harness/running.ts'
import { violations } from '../harness/invariants.ts'

interface Guest { state: string; spec: { disks: { ref: { kind: string; id: string } }[] } }

/** What simulated hosts keep, read from the files that are their memory. */
function journal<T>(file: string): Map<string, T> {
  const held = new Map<string, T>()
  let text = ''
  try { text = readFileSync(file, 'utf8') } catch { /* nothing kept yet */ }
  for (const line of text.split('\n')) {
    if (!line) continue
    const [key, value] = JSON.parse(line) as [string, T?]
    if (value === undefined) held.delete(key)
    else held.set(key, value)
  }
  return held
}

interface Row { id: string; name: string; state: string; host: string | null; other: string | null; volumes: string | null }
const runs: Record<string, string> = { active: 'running', resized: 'running', stopped: 'shutoff', paused: 'paused', suspended: 'saved' }

/** Every domain, disk and attachment on the hosts maps to a row, and the other way round. Asked at rest. */
export async function mismatches(c: Running): Promise<string[]> {
  const [servers, volumes, snapshots, hosts] = await c.db().read([
    q.all<Row>(sql`select id, name, state, host, other_host as other, (select json_group_array(volume) from attachment a where a.server = s.id and a.status = 'attached') as volumes from server s`),
    q.all<{ id: string; status: string }>(sql`select id, status from volume`), q.all<{ id: string; status: string }>(sql`select id, status from snapshot`), q.all<{ id: string; name: string }>(sql`select id, name from host`),
  ]) as unknown as [Row[], { id: string; status: string }[], { id: string; status: string }[], { id: string; name: string }[]]
  const folder = path.join(c.data, 'bridge', 'simulated'), out: string[] = []
  const shared = journal<unknown>(path.join(folder, 'shared', 'volumes.jsonl'))
  for (const [kind, rows] of [['volume', volumes], ['snapshot', snapshots]] as const) {
    for (const r of rows) if (r.status !== 'error' && r.status !== 'error_deleting' && !shared.has(`${kind}/${r.id}`)) out.push(`${kind} ${r.id} (${r.status}) has no disk`)
  }
  for (const key of shared.keys()) {
    const [kind, id] = key.split('/')
    const known = kind === 'volume' ? volumes : kind === 'snapshot' ? snapshots : []
    // What a failed create left is undone; an ERROR's row may still be there, its disk must not.
    if (!known.some((r) => r.id === id)) out.push(`disk ${key} belongs to nothing`)
  }
  const running = new Map<string, string>()
  for (const name of readdirSync(folder).filter((n) => n !== 'shared' && n !== 'scratch')) {
    const host = hosts.find((h) => h.name === name)?.id
    const guests = journal<Guest>(path.join(folder, name, 'guests.jsonl')), disks = journal<unknown>(path.join(folder, name, 'disks.jsonl'))
    const here = servers.filter((s) => s.host === host)
    for (const s of here) {
      // One that moved while it was off has no domain until it is started.
      const guest = guests.get(s.id), wanted = s.state === 'stopped' && !guest ? undefined : runs[s.state]
      if (runs[s.state] && !disks.has(`root/${s.id}`)) out.push(`server ${s.name} has no root disk`)
      if (wanted && guest?.state !== wanted) out.push(`server ${s.name} is ${s.state}, its domain ${guest?.state ?? 'not there'}`)
      const attached = (guest?.spec.disks ?? []).filter((d) => d.ref.kind === 'volume').map((d) => d.ref.id).sort(), rows = (JSON.parse(s.volumes ?? '[]') as string[]).sort()
      if (wanted && attached.join() !== rows.join()) out.push(`server ${s.name} has volumes [${attached}] in its domain, [${rows}] in the rows`)
    }
    for (const [id, { state }] of guests) {
      if (state !== 'running' && state !== 'paused') continue
      if (running.has(id)) out.push(`server ${id} runs on ${running.get(id)} and on ${name}`)
      running.set(id, name)
    }
    // Until its owner says that all is well, a server that moved has its way back.
    const known = servers.filter((s) => s.host === host || s.other === host)
    for (const id of guests.keys()) if (!known.some((s) => s.id === id)) out.push(`domain ${id} on ${name} belongs to no server`)
    for (const key of disks.keys()) if (!known.some((s) => key.endsWith(s.id))) out.push(`disk ${key} on ${name} belongs to no server`)
  }
  return out
}

/** Everything that may be wrong, in words. */
export const wrongs = async (c: Running): Promise<string[]> => [...await violations(c.db(), { quiet: true }), ...await mismatches(c)]

/** Resources that are in passing, saga or no saga, and jobs no host has done yet: what keeps the cloud from rest. */
export async function unsettled(c: Running): Promise<{ lane: string; what: string }[]> {
  const [rows] = await c.db().read([q.all<{ lane: string; what: string }>(sql`
    select lane, kind || ' ' || state as what from saga where state in ('open','unwinding','stuck')
    union all select lane, kind || ' ' || state as what from job where state in ('queued','running')
    union all select id, 'server ' || state || '/' || coalesce(task, '') from server where task is not null
    union all select id, 'volume ' || status from volume where status in ('creating','deleting','attaching','detaching','reserved','extending','uploading','backing-up','restoring-backup')
    union all select id, 'snapshot ' || status from snapshot where status in ('creating','deleting')
    union all select id, 'backup ' || status from volume_backup where status in ('creating','restoring')
    union all select id, 'image ' || status from image where status in ('saving','importing')`)])
  return rows as unknown as { lane: string; what: string }[]
}
