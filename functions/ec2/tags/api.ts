import { and, eq, gt, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { ec2Tag } from '../../../schema/ec2.ts'
import { awsFault } from '../../aws/faults.ts'
import { pageToken, readToken } from '../../aws/tokens.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { one, toCompute, toNetwork, toVolume, call } from '../call.ts'
import { matcher } from '../filters.ts'
import { idOf, keyPairId, nounOf, unknown, uuidOf, type Noun } from '../ids.ts'
import { theOptions } from '../dhcp/find.ts'
import { theGateway } from '../routes/gateways.ts'
import { theTable } from '../routes/tables.ts'
import { read, write } from '../service.ts'
import { many, tag, text } from '../shapes.ts'
import { checked, keepTags, nameIn, roomFor, tagsOf } from './keep.ts'

/** Names are the services' own, too: the tag Name gives one. */
const rename: Partial<Record<Noun, (ctx: Ctx, id: string, name: string) => Promise<unknown>>> = {
  instance: (ctx, id, name) => toCompute(ctx, 'PUT', `/servers/${id}`, { server: { name } }),
  volume: (ctx, id, name) => toVolume(ctx, 'PUT', `/volumes/${id}`, { volume: { name } }), snapshot: (ctx, id, name) => toVolume(ctx, 'PUT', `/snapshots/${id}`, { snapshot: { name } }),
  vpc: (ctx, id, name) => toNetwork(ctx, 'PUT', `/networks/${id}`, { network: { name } }), subnet: (ctx, id, name) => toNetwork(ctx, 'PUT', `/subnets/${id}`, { subnet: { name } }), 'network-interface': (ctx, id, name) => toNetwork(ctx, 'PUT', `/ports/${id}`, { port: { name } }),
}

/** The thing an id names, as far as the caller may see it, and what its tags are kept under. */
async function tagged(ctx: Ctx, id: string): Promise<{ noun: Noun; resource: string; owned: boolean }> {
  const noun = nounOf(id)
  if (!noun) throw awsFault('InvalidID', `The ID '${id.slice(0, 80)}' is not valid`)
  if (noun === 'key-pair') {
    const { keypairs } = await call(ctx, { service: 'compute', method: 'GET', path: '/os-keypairs' }), own = ctx.caller.user.id, found = keypairs.find((k: any) => keyPairId(own, k.keypair.name) === id)
    if (!found) throw unknown('key-pair', id)
    return { noun, resource: `${own}/${found.keypair.name}`, owned: true }
  }
  const uuid = uuidOf(noun, id)
  if (noun === 'internet-gateway') await theGateway(ctx, id)
  else if (noun === 'route-table') await theTable(ctx, id)
  else if (noun === 'dhcp-options') await theOptions(ctx, id)
  else if (noun === 'security-group-rule') { const { security_group_rules: found } = await call(ctx, { service: 'network', method: 'GET', path: '/security-group-rules', query: { id: uuid } }); if (!found.length) throw unknown(noun, id) }
  else {
    const thing = await one(ctx, noun as never, id)
    return { noun, resource: uuid, owned: [thing.project_id, thing.tenant_id, thing.owner, thing['os-vol-tenant-attr:tenant_id'], thing['os-extended-snapshot-attributes:project_id']].includes(ctx.project) }
  }
  return { noun, resource: uuid, owned: true }
}

const Resources = t.Array(text, { wire: 'ResourceId', minItems: 1, maxItems: 100 })
export default [
  write('CreateTags', {
    summary: 'Tag things', input: { Resources, Tags: t.Array(tag, { wire: 'Tag', minItems: 1, maxItems: 50 }) },
    async handle(ctx, i) {
      const tags = checked(i.Tags), name = nameIn(tags)
      for (const id of new Set(i.Resources)) {
        const { noun, resource, owned } = await tagged(ctx, id)
        if (name && owned) await rename[noun]?.(ctx, resource, name)
        roomFor((await tagsOf(ctx, [resource])).get(resource), tags)
        keepTags(ctx, noun, resource, tags)
      }
    },
  }),
  write('DeleteTags', {
    summary: 'Untag things', input: { Resources, Tags: t.Optional(t.Array(tag, { wire: 'Tag', maxItems: 50 })) },
    async handle(ctx, i) {
      for (const id of new Set(i.Resources)) {
        const { resource } = await tagged(ctx, id), those = and(eq(ec2Tag.resource, resource), eq(ec2Tag.project, ctx.project))
        if (!i.Tags?.length) { ctx.stage(q.delete(ec2Tag).where(those)); continue }
        for (const { Key, Value } of i.Tags) ctx.stage(q.delete(ec2Tag).where(and(those, eq(ec2Tag.key, Key), Value === undefined ? undefined : eq(ec2Tag.value, Value))))
      }
    },
  }),
  read('DescribeTags', {
    summary: 'Describe tags', input: { ...many },
    async handle(ctx, i) {
      const from = readToken(i.NextToken, () => awsFault('InvalidNextToken', 'The pagination token is not valid')) as [string, string] | undefined, most = i.MaxResults ?? 100_000
      const keys = i.Filters?.filter((f) => f.Name === 'key' && !f.Values?.some((v) => /[*?\\]/.test(v))).flatMap((f) => f.Values ?? [])
      const fits = matcher<{ key: string; value: string; resourceId: string; resourceType: string }>({ key: (x) => x.key, value: (x) => x.value, 'resource-id': (x) => x.resourceId, 'resource-type': (x) => x.resourceType, tag: () => undefined }, i.Filters)
      const out: ReturnType<typeof view>[] = []
      for (let at = from; ;) {
        const [rows] = await ctx.read(q.select().from(ec2Tag).where(and(eq(ec2Tag.project, ctx.project), keys?.length ? sql`${ec2Tag.key} in (select value from json_each(${JSON.stringify(keys)}))` : undefined, at ? or(gt(ec2Tag.resource, at[0]), and(eq(ec2Tag.resource, at[0]), gt(ec2Tag.key, at[1]))) : undefined)).orderBy(ec2Tag.resource, ec2Tag.key).limit(1000))
        for (const [n, r] of rows.entries()) {
          const v = view(r)
          if (!fits(v)) continue
          out.push(v)
          if (out.length === most && (n + 1 < rows.length || rows.length === 1000)) return { tagSet: out, nextToken: pageToken(r.resource, r.key) }
        }
        if (rows.length < 1000) return { tagSet: out }
        at = [rows.at(-1)!.resource, rows.at(-1)!.key]
      }
    },
  }),
]
const view = (r: typeof ec2Tag.$inferSelect) => { const [user, ...name] = r.resource.split('/'); return { key: r.key, value: r.value, resourceType: r.kind, resourceId: r.kind === 'key-pair' ? keyPairId(user, name.join('/')) : idOf(r.kind as Noun, r.resource) } }
