import { copyFileSync } from 'node:fs'
import Database from 'libsql'

/** The i-th of a kind, spread over the index as random ids are. */
const hex = (kind: number, i: string) => `printf('%08x%08x%08x%08x', (${i} * 2654435761 + ${kind}) % 4294967296, ${kind}, 0, ${i})`
export const nth = (kind: number, i: number) => [Number((BigInt(i) * 2654435761n + BigInt(kind)) % 4294967296n), kind, 0, i].map((n) => n.toString(16).padStart(8, '0')).join('')
export const USER = 1, GROUP = 2, PROJECT = 3

/**
 * A copy of the database with so many users: ten to a group and to a project, each with a role on the project, by themselves or through the
 * group; three projects have a tag; every tenth has a credential (nobody can open it), an application credential and a trust.
 */
export function populate(from: string, file: string, size: number) {
  copyFileSync(from, file)
  const db = new Database(file, { timeout: 10_000 })
  try {
    db.pragma('foreign_keys=off')
    db.pragma('synchronous=off')
    const role = (db.prepare(`select id from role where name = 'member'`).get([]) as { id: string }).id
    const upTo = (n: number) => `with recursive n(i) as (select 0 union all select i + 1 from n where i < ${n} - 1)`
    const few = Math.max(1, Math.ceil(size / 10))
    db.exec(`begin immediate;
      ${upTo(size)} insert into user (id, name, domain_id, enabled, options, extra, created_at) select ${hex(USER, 'i')}, 'person-' || i, 'default', 1, '{}', '{"email":"person@example.com"}', 1 from n;
      ${upTo(few)} insert into user_group (id, name, domain_id, description, extra, created_at) select ${hex(GROUP, 'i')}, 'group-' || i, 'default', '', '{}', 1 from n;
      ${upTo(few)} insert into project (id, name, domain_id, parent_id, is_domain, enabled, description, tags, options, extra, created_at) select ${hex(PROJECT, 'i')}, 'project-' || i, 'default', 'default', 0, 1, '', '[]', '{}', '{}', 1 from n;
      ${upTo(size)} insert into membership (user_id, group_id) select ${hex(USER, 'i')}, ${hex(GROUP, '(i / 10)')} from n;
      ${upTo(size)} insert into assignment (actor_kind, actor, scope, target, role, inherited) select 'user', ${hex(USER, 'i')}, 'project', ${hex(PROJECT, '(i / 10)')}, '${role}', 0 from n;
      ${upTo(few)} insert into assignment (actor_kind, actor, scope, target, role, inherited) select 'group', ${hex(GROUP, 'i')}, 'project', ${hex(PROJECT, 'i')}, '${role}', 0 from n;
      ${upTo(few)} insert into credential (id, user_id, project_id, type, blob, created_at) select printf('%064x', i * 2654435761), ${hex(USER, '(i * 10)')}, null, 'cert', 'v1::', 1 from n;
      ${upTo(few)} insert into application_credential (id, name, user_id, project_id, secret, roles, unrestricted, created_at) select ${hex(4, 'i')}, 'one', ${hex(USER, '(i * 10)')}, ${hex(PROJECT, 'i')}, '$sha256$x', '["${role}"]', 0, 1 from n;
      ${upTo(few)} insert into trust (id, trustor_user_id, trustee_user_id, project_id, impersonation, roles, redelegation_count, extra, created_at) select ${hex(5, 'i')}, ${hex(USER, '(i * 10)')}, ${hex(USER, '(i * 10 + 1)')}, ${hex(PROJECT, 'i')}, 0, '["${role}"]', 0, '{}', 1 from n;
      update project set tags = '["rare"]' where id in (${[1, 2, 3].map((i) => `'${nth(PROJECT, i)}'`)});
      commit`)
  } finally { db.close() }
}
