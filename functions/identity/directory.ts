import { sql } from 'drizzle-orm'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'

/**
 * The small tables every token needs (catalog, roles and what they imply), as this isolate knows them. `directoryQuery`
 * joins any batch and answers the tables only when the revision moved, so that looking is one cheap statement.
 */
export interface Directory {
  revision: number
  services: { id: string; type: string; name: string }[]
  endpoints: { id: string; service: string; region: string | null; interface: string; url: string }[]
  /** Endpoints by the project that is confined to them. */
  confined: { project: string; endpoint: string }[]
  roles: { id: string; name: string; domain: string | null }[]
  implied: { prior: string; implied: string }[]
  /** Clouds that take our word for who somebody is. */
  providers: { id: string; auth_url: string; sp_url: string }[]
  /** As they lie in the database: encrypted. */
  keys: { id: string; state: string; key: string }[]
  /** Kinds of password hashes, besides ours, that some user came with. */
  hashes: string[]
}
interface Row { revision: number; seq: number; services: string | null; endpoints: string | null; confined: string | null; roles: string | null; implied: string | null; providers: string | null; keys: string | null; hashes: string | null }

let known: Directory | undefined
let of = ''

/** A copy made for another database is no use. */
export function directoryFor(url: string) {
  if (of !== url) { of = url; known = undefined }
  return known
}

/** One by one, and by the groups a project is given: all endpoints of a service, a region, a kind. */
const CONFINED = `select project_id, endpoint_id from endpoint_project union select p.project_id, e.id from endpoint_group_project p join endpoint_group g on g.id = p.endpoint_group_id join endpoint e on
  ${['service_id', 'region_id', 'interface', 'enabled'].map((f) => `(json_extract(g.filters, '$.${f}') is null or json_extract(g.filters, '$.${f}') = e.${f})`).join(' and ')}`

export function directoryQuery(url: string) {
  const have = directoryFor(url)?.revision ?? -1
  const moved = (list: string) => sql.raw(`case when (select coalesce(max(revision), 0) from identity_revision) <> ${have} then (${list}) end`)
  return q.all<Row>(sql`select (select coalesce(max(revision), 0) from identity_revision) as revision, (select coalesce(max(seq), 0) from revocation) as seq,
    ${moved(`select json_group_array(json_object('id', id, 'type', type, 'name', name)) from (select * from service where enabled order by type, id)`)} as services,
    ${moved(`select json_group_array(json_object('id', id, 'service', service_id, 'region', region_id, 'interface', interface, 'url', url)) from (select * from endpoint where enabled order by id)`)} as endpoints,
    ${moved(`select json_group_array(json_object('project', project_id, 'endpoint', endpoint_id)) from (${CONFINED})`)} as confined,
    ${moved(`select json_group_array(json_object('id', id, 'name', name, 'domain', domain_id)) from role`)} as roles,
    ${moved(`select json_group_array(json_object('prior', prior_role_id, 'implied', implied_role_id)) from implied_role`)} as implied,
    ${moved(`select json_group_array(json_object('id', id, 'auth_url', auth_url, 'sp_url', sp_url)) from service_provider where enabled`)} as providers,
    ${moved(`select json_group_array(json_object('id', id, 'state', state, 'key', key)) from signing_key`)} as keys,
    ${moved(`select json_group_array(kind) from (select kind from foreign_hash order by kind)`)} as hashes`)
}

/** Takes in what `directoryQuery` answered. */
export function learn(url: string, [row]: Row[]): Directory {
  const have = directoryFor(url)
  if (row.services === null) return have!
  const list = (text: string | null) => JSON.parse(text ?? '[]')
  const fresh: Directory = { revision: row.revision, services: list(row.services), endpoints: list(row.endpoints), confined: list(row.confined), roles: list(row.roles), implied: list(row.implied), providers: list(row.providers), keys: list(row.keys), hashes: list(row.hashes) }
  // Should an older answer come last, the next look differs from the database and reloads.
  known = fresh
  return fresh
}

/** Staged with every change to the tables above. */
export const bump = (ctx: Ctx) => ctx.stage(q.run(sql`insert into identity_revision (id, revision) values (1, 1) on conflict (id) do update set revision = revision + 1`))

/** Roles with all they imply. */
export function withImplied(d: Pick<Directory, 'implied'>, roles: Iterable<string>): Set<string> {
  const all = new Set(roles)
  for (const r of all) for (const i of d.implied) if (i.prior === r) all.add(i.implied)
  return all
}

/** The catalog as tokens show it to one project. */
export function catalogOf(d: Directory, scope: { project?: { id: string }; user: { id: string } }) {
  const only = new Set(d.confined.filter((c) => c.project === scope.project?.id).map((c) => c.endpoint))
  const fill = (url: string) => url.replaceAll(/[$%]\((project_id|tenant_id|user_id)\)s/g, (_, k) => (k === 'user_id' ? scope.user.id : scope.project?.id ?? ''))
  return d.services.map((s) => ({
    type: s.type, id: s.id, name: s.name,
    endpoints: d.endpoints.filter((e) => e.service === s.id && (!only.size || only.has(e.id)) && (scope.project || !/[$%]\((project|tenant)_id\)s/.test(e.url)))
      .map((e) => ({ id: e.id, interface: e.interface, region_id: e.region, region: e.region, url: fill(e.url) })),
  }))
}
