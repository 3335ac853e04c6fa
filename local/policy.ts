import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { services } from '../functions/index.ts'
import type { Endpoint } from '../functions/kernel/endpoint.ts'
import { BadRule, fileOf, override } from '../functions/kernel/overrides.ts'
import type { Caller, Check } from '../functions/kernel/policy.ts'
import type { Service } from '../functions/kernel/service.ts'

/**
 * `npm run policy`: who may call what, from the declarations. `npm run openapi` keeps the table in docs/policy.md. `--explain ROLE` lists what somebody
 * with that role may do, `--file FILE` with an operator's rules in place of ours, `--check FILE` reads them and says what is wrong.
 */
const implied: Record<string, string[]> = { admin: ['admin', 'manager', 'member', 'reader'], manager: ['manager', 'member', 'reader'], member: ['member', 'reader'] }
type Scope = 'project' | 'domain' | 'system'
export function persona(role: string, scope: Scope): Caller {
  const domain = { id: 'own-domain', name: 'own' }, roles = implied[role] ?? [role]
  return {
    user: { id: 'own-user', name: 'somebody', domain }, roles, admin: roles.includes('admin'), token: { roles: [], methods: [], auditIds: [] },
    ...(scope === 'project' ? { project: { id: 'own-project', name: 'own', domain } } : scope === 'domain' ? { domain } : { system: true }),
  }
}
const own = { project: 'own-project', user: 'own-user', domain: 'own-domain' }, others = { project: 'other', user: 'other', domain: 'other' }
/** May it be done at all, and to what belongs to others? */
const reach = (check: Check | undefined, c: Caller) => (!check ? '' : check(c, others) ? 'all' : check(c, own) ? 'own' : '')

const columns: [title: string, role: string, scope: Scope][] = [
  ['project reader', 'reader', 'project'], ['project member', 'member', 'project'], ['project manager', 'manager', 'project'], ['project admin', 'admin', 'project'],
  ['domain reader', 'reader', 'domain'], ['domain manager', 'manager', 'domain'], ['system reader', 'reader', 'system'], ['system admin', 'admin', 'system'], ['service', 'service', 'project'],
]
const place = (s: Service, e: Endpoint) => `${s.mount}${e.atRoot ? '' : s.prefixes[0]}${e.path}${e.key ? ` (${e.key})` : ''}`

export async function table(): Promise<string> {
  const parts: string[] = []
  for (const load of Object.values(services)) {
    const { default: s } = await load()
    const rows = [...s.endpoints].sort((a, b) => (a.path + (a.key ?? '') + a.method < b.path + (b.key ?? '') + b.method ? -1 : 1))
      .map((e) => `| ${e.method} ${place(s, e)} | ${e.policy} | ${e.policy === 'public' ? columns.map(() => 'public').join(' | ') : columns.map(([, role, scope]) => reach(s.rules[e.policy], persona(role, scope))).join(' | ')} |`)
    parts.push(`## ${s.name}\n\n| endpoint | rule | ${columns.map(([title]) => title).join(' | ')} |\n|${' --- |'.repeat(columns.length + 2)}\n${rows.join('\n')}\n`)
  }
  return `# Who may call what

Made by \`npm run openapi\` from the declarations. \`own\`: to what belongs to the caller's own project, domain or user; \`all\`: to anybody's;
\`public\`: without a token; nothing: refused. What an endpoint shows may be narrower still: lists hold what the caller may see. Overriding a rule:
[identity](identity.md).

${parts.join('\n')}`
}

async function rulesOf(s: Service, file: string | undefined) { return file ? override(s.rules, await fileOf(readFileSync(file, 'utf8'))) : s.rules }

async function explain(role: string, file?: string) {
  for (const load of Object.values(services)) {
    const { default: s } = await load(), rules = await rulesOf(s, file), lines: string[] = []
    for (const e of s.endpoints) {
      const found = (['project', 'domain', 'system'] as const).map((scope) => [scope, e.policy === 'public' ? 'public' : reach(rules[e.policy], persona(role, scope))] as const).filter(([, r]) => r)
      if (found.length) lines.push(`  ${`${e.method} ${place(s, e)}`.padEnd(78)} ${found.map(([scope, r]) => `${scope}: ${r}`).join(', ').padEnd(40)} ${e.policy}${rules[e.policy]?.says ? ` = ${rules[e.policy].says}` : ''}`)
    }
    console.log(`${s.name}: ${lines.length} of ${s.endpoints.length}\n${lines.join('\n')}\n`)
  }
}

/** What is wrong with an operator's file: throws on what cannot be read, returns names that no service knows. */
export async function unknownIn(file: string): Promise<string[]> {
  const found = await fileOf(readFileSync(file, 'utf8')), names = new Set<string>()
  for (const load of Object.values(services)) { const { default: s } = await load(); override(s.rules, found); for (const n of Object.keys(s.rules)) names.add(n) }
  return Object.keys(found).filter((n) => n.includes(':') && !names.has(n))
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { explain: { type: 'string' }, file: { type: 'string' }, check: { type: 'string' } } })
  try {
    if (values.check ?? values.file) for (const n of await unknownIn((values.check ?? values.file)!)) console.error(`nothing here asks for ${n}: the rule has no effect`)
    if (values.explain) await explain(values.explain.toLowerCase(), values.file)
    else if (!values.check) console.log(await table())
  } catch (e) {
    if (!(e instanceof BadRule)) throw e
    console.error(e.message)
    process.exitCode = 1
  }
}
