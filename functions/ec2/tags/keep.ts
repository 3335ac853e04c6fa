import { and, eq, sql } from 'drizzle-orm'
import { ec2Tag } from '../../../schema/ec2.ts'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Tag } from '../filters.ts'
import type { Noun } from '../ids.ts'

export interface Given { Key: string; Value?: string }
type Specification = { ResourceType?: string; Tags?: Given[] }

/** Tags of these things, by thing. */
export async function tagsOf(ctx: Ctx, resources: string[]): Promise<Map<string, Tag[]>> {
  if (!resources.length) return new Map()
  const [rows] = await ctx.read(q.select().from(ec2Tag).where(and(eq(ec2Tag.project, ctx.project), sql`${ec2Tag.resource} in (select value from json_each(${JSON.stringify(resources)}))`)).orderBy(ec2Tag.key))
  return new Map([...Map.groupBy(rows, (r) => r.resource)].map(([k, list]) => [k, list.map(({ key, value }) => ({ key, value }))]))
}

/** What is told as its tags; a name that another API has given shows as the tag that names are here. */
export const tagSet = (tags: Tag[] | undefined, name?: string | null): Tag[] => (name && !tags?.some((t) => t.key === 'Name') ? [...(tags ?? []), { key: 'Name', value: name }] : tags ?? [])

export function checked(tags: Given[]): Given[] {
  const seen = new Set<string>()
  for (const { Key } of tags) {
    if (/^aws:/i.test(Key)) throw awsFault('InvalidParameterValue', `Tag keys starting with 'aws:' are reserved for internal use`)
    if (seen.has(Key)) throw awsFault('InvalidParameterValue', `Duplicate tag key '${Key}' specified.`)
    seen.add(Key)
  }
  if (tags.length > 50) throw tooMany()
  return tags
}

const tooMany = () => awsFault('TagLimitExceeded', 'The maximum number of tags that may be associated with a resource is 50.')
/** Room for these beside what is there. */
export function roomFor(there: Tag[] | undefined, tags: Given[]) {
  if (new Set([...(there ?? []).map((t) => t.key), ...tags.map((t) => t.Key)]).size > 50) throw tooMany()
}

/** Stages them, over what is there. */
export function keepTags(ctx: Ctx, noun: Noun, resource: string, tags: Given[]) {
  for (const { Key, Value = '' } of tags) ctx.stage(q.insert(ec2Tag).values({ project: ctx.project, resource, kind: noun, key: Key, value: Value }).onConflictDoUpdate({ target: [ec2Tag.resource, ec2Tag.project, ec2Tag.key], set: { value: Value } }))
  if (tags.length) ctx.stage(q.run(sql`insert into guard select 'quota', (select count(*) from ec2_tag where resource = ${resource} and project = ${ctx.project}) <= 50`))
}

/** Stages that these keys are no more. */
export function dropTags(ctx: Ctx, resource: string, keys: string[]) {
  if (keys.length) ctx.stage(q.delete(ec2Tag).where(and(eq(ec2Tag.resource, resource), eq(ec2Tag.project, ctx.project), sql`${ec2Tag.key} in (select value from json_each(${JSON.stringify(keys)}))`)))
}

/** The tags a create names for what it makes; `may`: what it makes. */
export function tagsFor(specs: Specification[] | undefined, noun: Noun, may: Noun[] = [noun]): Given[] {
  for (const s of specs ?? []) {
    if (!s.ResourceType) throw awsFault('MissingParameter', 'The request must contain the parameter ResourceType of a tag specification')
    if (!may.includes(s.ResourceType as Noun)) throw awsFault('InvalidParameterValue', `'${s.ResourceType.slice(0, 40)}' is not a valid taggable resource type for this operation.`)
  }
  return checked((specs ?? []).filter((s) => s.ResourceType === noun).flatMap((s) => s.Tags ?? []))
}
export const nameIn = (tags: Given[]) => tags.find((t) => t.Key === 'Name')?.Value || undefined
/** As a create answers them. */
export const shown = (tags: Given[]): Tag[] => tags.map((t) => ({ key: t.Key, value: t.Value ?? '' }))
