import { Type as t, type Static } from 'typebox'

/** Mapping rules as operators know them: what must hold of what a provider says (`remote`), and who that is here (`local`). */
const text = t.String({ maxLength: 1024 })
const domain = t.Object({ id: t.Optional(text), name: t.Optional(text) }, { additionalProperties: false, minProperties: 1 })
const words = t.Array(text, { maxItems: 1000 })
const remote = t.Object({
  type: t.String({ minLength: 1, maxLength: 255 }), any_one_of: t.Optional(words), not_any_of: t.Optional(words), blacklist: t.Optional(words), whitelist: t.Optional(words), regex: t.Optional(t.Boolean()),
}, { additionalProperties: false })
const local = t.Object({
  user: t.Optional(t.Object({ id: t.Optional(text), name: t.Optional(text), email: t.Optional(text), domain: t.Optional(domain), type: t.Optional(t.Enum(['ephemeral', 'local'])) }, { additionalProperties: false })),
  group: t.Optional(t.Object({ id: t.Optional(text), name: t.Optional(text), domain: t.Optional(domain) }, { additionalProperties: false, minProperties: 1 })),
  groups: t.Optional(t.Union([text, words])), group_ids: t.Optional(t.Union([text, words])), domain: t.Optional(domain),
  projects: t.Optional(t.Array(t.Object({ name: text, domain: t.Optional(domain), roles: t.Array(t.Object({ name: text }, { additionalProperties: false }), { minItems: 1, maxItems: 20 }) }, { additionalProperties: false }), { maxItems: 20 })),
}, { additionalProperties: false })
export const rulesSchema = t.Array(t.Object({ local: t.Array(local, { maxItems: 100 }), remote: t.Array(remote, { minItems: 1, maxItems: 100 }) }, { additionalProperties: false }), { minItems: 1, maxItems: 200 })
type Rule = Static<typeof rulesSchema>[number]
type Domain = Static<typeof domain>

/** What a provider said, each by its name. */
export type Assertion = Record<string, string[]>
export interface Mapped {
  user?: { id?: string; name?: string; email?: string; domain?: Domain; local: boolean }
  groups: ({ id: string } | { name: string; domain: Domain })[]
  projects: { name: string; roles: string[] }[]
}

/** The values a rule may quote as `{0}`, `{1}`, …; nothing when the rule does not hold. */
function holds(rule: Rule, said: Assertion): string[][] | undefined {
  const quoted: string[][] = []
  for (const r of rule.remote) {
    const values = said[r.type]
    if (!values?.length) return undefined
    const hits = (list: string[]) => (v: string) => list.some((w) => (r.regex ? new RegExp(w).test(v) : w === v))
    if (r.any_one_of) { if (!values.some(hits(r.any_one_of))) return undefined } else if (r.not_any_of) { if (values.some(hits(r.not_any_of))) return undefined } else {
      const { blacklist, whitelist } = r
      quoted.push(blacklist ? values.filter((v) => !hits(blacklist)(v)) : whitelist ? values.filter(hits(whitelist)) : values)
    }
  }
  return quoted
}

/** Several values stand one by one where a list is meant, and joined where a single word is. */
function filled(template: string | string[] | undefined, quoted: string[][]): string[] {
  if (template === undefined) return []
  if (Array.isArray(template)) return template.flatMap((one) => filled(one, quoted))
  const whole = /^\{(\d+)\}$/.exec(template)
  if (whole) return quoted[Number(whole[1])] ?? []
  return [template.replaceAll(/\{(\d+)\}/g, (_, n) => (quoted[Number(n)] ?? []).join(';'))].filter(Boolean)
}

/** Who somebody is here: all rules that hold count, the first that names a user names them. */
export function map(rules: Rule[], said: Assertion): Mapped {
  const out: Mapped = { groups: [], projects: [] }
  for (const rule of rules) {
    const quoted = holds(rule, said)
    if (!quoted) continue
    const one = (s: string | undefined) => (s === undefined ? undefined : filled(s, quoted).join(';') || undefined)
    const where = (d: Domain | undefined): Domain => ({ id: one(d?.id), name: one(d?.name) })
    for (const l of rule.local) {
      if (l.user && !out.user) {
        const { id, name, email, domain, type } = l.user
        out.user = { id: one(id), name: one(name), email: one(email), domain: domain && where(domain), local: type === 'local' }
      }
      if (l.group?.id) out.groups.push(...filled(l.group.id, quoted).map((id) => ({ id })))
      else if (l.group?.name && l.group.domain) out.groups.push(...filled(l.group.name, quoted).map((name) => ({ name, domain: where(l.group!.domain) })))
      if (l.groups && l.domain) out.groups.push(...filled(l.groups, quoted).map((name) => ({ name, domain: where(l.domain) })))
      out.groups.push(...filled(l.group_ids, quoted).map((id) => ({ id })))
      for (const p of l.projects ?? []) out.projects.push(...filled(p.name, quoted).map((name) => ({ name, roles: p.roles.flatMap((r) => filled(r.name, quoted)) })))
    }
  }
  return out
}
