import { sql, type SQL } from 'drizzle-orm'
import { q } from '../../kernel/db.ts'

/** Every project and domain above one, the domain last. */
export const above = (project: SQL) => sql`(with recursive up (id) as (select parent_id from project where id = ${project}
  union select project.parent_id from project join up on project.id = up.id) select id from up where id is not null)`

/** A membership that a provider told of lasts a while. */
export const lasting = sql`(expires_at is null or expires_at > unixepoch('subsec') * 1000000)`

/** Rows of `assignment` that speak of a user, directly or through a group. */
export const actsFor = (user: SQL) => sql`((actor_kind = 'user' and actor = ${user}) or (actor_kind = 'group' and actor in (select group_id from membership where user_id = ${user} and ${lasting})))`

/** The roles a user is assigned on a target, inherited ones with it; what they imply is for the directory to say. */
export function assigned(user: SQL, scope: 'project' | 'domain' | 'system', target: SQL) {
  const there = scope === 'project'
    ? sql`((inherited = 0 and scope = 'project' and target = ${target}) or (inherited = 1 and target in ${above(target)}))`
    : sql`inherited = 0 and scope = ${scope} and target = ${target}`
  return q.all<{ role: string }>(sql`select distinct role from assignment where ${actsFor(user)} and ${there}`)
}
