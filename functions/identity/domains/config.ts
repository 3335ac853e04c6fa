import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { domainConfig } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { one } from '../projects/verbs.ts'
import { seal } from '../seal.ts'
import { endpoint } from '../service.ts'
import { found } from '../wire.ts'

/** What a domain may set of its own directory, and what holds when it does not. */
export const DEFAULTS: Record<string, Record<string, unknown>> = {
  identity: { driver: 'sql', list_limit: null },
  ldap: {
    url: 'ldap://localhost', user: null, suffix: 'cn=example,cn=com', query_scope: 'one', page_size: 0, chase_referrals: null,
    user_tree_dn: null, user_filter: null, user_objectclass: 'inetOrgPerson', user_id_attribute: 'cn', user_name_attribute: 'sn', user_mail_attribute: 'mail', user_description_attribute: 'description',
    user_pass_attribute: 'userPassword', user_enabled_attribute: 'enabled', user_enabled_invert: false, user_enabled_mask: 0, user_enabled_default: 'True', user_attribute_ignore: ['default_project_id'],
    user_default_project_id_attribute: null, user_enabled_emulation: false, user_enabled_emulation_dn: null, user_enabled_emulation_use_group_config: false, user_additional_attribute_mapping: [],
    group_tree_dn: null, group_filter: null, group_objectclass: 'groupOfNames', group_id_attribute: 'cn', group_name_attribute: 'ou', group_member_attribute: 'member', group_desc_attribute: 'description', group_attribute_ignore: [],
    group_additional_attribute_mapping: [], group_ad_nesting: false, group_members_are_ids: false, tls_cacertfile: null, tls_cacertdir: null, use_tls: false, tls_req_cert: 'demand', use_pool: true, pool_size: 10, pool_retry_max: 3,
    pool_retry_delay: 0.1, pool_connection_timeout: -1, pool_connection_lifetime: 600, use_auth_pool: true, auth_pool_size: 100, auth_pool_connection_lifetime: 60,
  },
}
/** Taken, kept encrypted, never shown. */
const SECRET = new Set(['password'])
type Config = Record<string, Record<string, unknown>>

function checked(config: Config): Config {
  if (!Object.keys(config).length) throw invalid('No options specified in the configuration of the domain.')
  for (const [group, options] of Object.entries(config)) {
    if (!DEFAULTS[group]) throw forbidden(`Invalid domain specific configuration: group ${group.slice(0, 64)} is not supported.`)
    if (!options || typeof options !== 'object' || !Object.keys(options).length) throw invalid(`No options specified for group ${group}.`)
    for (const o of Object.keys(options)) if (!(o in DEFAULTS[group]) && !(group === 'ldap' && SECRET.has(o))) throw forbidden(`Invalid domain specific configuration: option ${o.slice(0, 64)} in group ${group} is not supported.`)
  }
  return config
}

const rows = (domain: string) => q.select().from(domainConfig).where(eq(domainConfig.domain, domain)).orderBy(domainConfig.group, domainConfig.option)
const treeOf = (list: { group: string; option: string; value: unknown }[], open = false) => {
  const out: Config = {}
  for (const r of list) if (open || !SECRET.has(r.option)) (out[r.group] ??= {})[r.option] = r.value
  return out
}
async function look(ctx: Ctx, domain: string) {
  const [[d], list] = await ctx.read(one(domain), rows(domain))
  found(d?.isDomain ? d : undefined, 'domain', domain)
  return list
}
async function put(ctx: Ctx, domain: string, config: Config) {
  const values = Object.entries(config).flatMap(([group, options]) => Object.entries(options).map(([option, value]) => ({ domain, group, option, value })))
  for (const v of values) if (SECRET.has(v.option)) v.value = await seal(ctx.env, ctx.world, `${domain}/${v.group}/${v.option}`, String(v.value))
  for (const v of values) ctx.stage(q.insert(domainConfig).values(v).onConflictDoUpdate({ target: [domainConfig.domain, domainConfig.group, domainConfig.option], set: { value: v.value } }))
}
const missing = (what: string) => notFound('domain configuration', what, `Could not find ${what} in the configuration of the domain.`)

/** Of a tree, the part a path names. */
function part(tree: Config, { group, option }: Record<string, string>, known: boolean) {
  if (group === undefined) return { config: tree }
  if (!DEFAULTS[group]) throw forbidden(`Group ${group.slice(0, 64)} is not supported for domain specific configurations.`)
  if (option === undefined) { if (!tree[group]) throw missing(`group ${group}`); return { config: { [group]: tree[group] } } }
  if (!known && !(option in DEFAULTS[group])) throw forbidden(`Option ${option.slice(0, 64)} in group ${group} is not supported for domain specific configurations.`)
  if (!tree[group] || !(option in tree[group])) throw missing(`option ${option} in group ${group}`)
  return { config: { [option]: tree[group][option] } }
}

const levels = ['', '/{group}', '/{group}/{option}']
const body = { '3.0': t.Object({ config: t.Record(t.String(), t.Unknown()) }) }
const which = (params: Record<string, string>) => and(eq(domainConfig.domain, params.domain), params.group ? eq(domainConfig.group, params.group) : undefined, params.option ? eq(domainConfig.option, params.option) : undefined)

export const config = [
  endpoint({
    id: 'domain_config.set', method: 'PUT', path: '/domains/{domain}/config', status: 201, policy: 'identity:create_domain_config', summary: "Set a domain's configuration",
    body,
    async handle(ctx, { params, body }) {
      const config = checked(body.config as Config), had = await look(ctx, params.domain)
      ctx.stage(q.delete(domainConfig).where(eq(domainConfig.domain, params.domain)))
      await put(ctx, params.domain, config)
      const shown = { config: treeOf(Object.entries(config).flatMap(([group, o]) => Object.entries(o).map(([option, value]) => ({ group, option, value })))) }
      return had.length ? Response.json(shown, { status: 200 }) : shown
    },
  }),
  levels.flatMap((level, i) => [
    endpoint({
      id: `domain_config.default${i}`, method: 'GET', path: `/domains/config${level}/default`, status: 200, policy: 'identity:get_domain_config', summary: 'What holds for domains that set nothing',
      handle: (_, { params }) => part(DEFAULTS, params, false),
    }),
    endpoint({
      id: `domain_config.show${i}`, method: 'GET', path: `/domains/{domain}/config${level}`, status: 200, policy: 'identity:get_domain_config', summary: "Show a domain's configuration",
      async handle(ctx, { params }) {
        const tree = treeOf(await look(ctx, params.domain))
        if (!Object.keys(tree).length) throw missing('anything')
        return part(tree, params, false)
      },
    }),
    endpoint({
      id: `domain_config.update${i}`, method: 'PATCH', path: `/domains/{domain}/config${level}`, status: 200, policy: 'identity:update_domain_config', summary: "Change a domain's configuration",
      body,
      async handle(ctx, { params, body }) {
        const list = await look(ctx, params.domain), given = body.config as Config
        const { group, option } = params
        if (group !== undefined && option === undefined && !(group in given)) throw invalid(`The configuration must be of group ${group}.`)
        if (option !== undefined && !(option in given)) throw invalid(`The configuration must be of option ${option}.`)
        const config = checked(option !== undefined ? { [group]: { [option]: given[option] } } : given)
        const tree = treeOf(list)
        part(tree, params, true)
        await put(ctx, params.domain, config)
        for (const [g, o] of Object.entries(config)) tree[g] = { ...tree[g], ...o }
        return { config: Object.fromEntries(Object.entries(tree).map(([g, o]) => [g, Object.fromEntries(Object.entries(o).filter(([k]) => !SECRET.has(k)))])) }
      },
    }),
    endpoint({
      id: `domain_config.delete${i}`, method: 'DELETE', path: `/domains/{domain}/config${level}`, status: 204, policy: 'identity:delete_domain_config', summary: "Take away a domain's configuration",
      async handle(ctx, { params }) {
        const tree = treeOf(await look(ctx, params.domain), true)
        if (i > 0) part(tree, params, true)
        ctx.stage(q.delete(domainConfig).where(which(params)))
      },
    }),
  ]),
].flat()
