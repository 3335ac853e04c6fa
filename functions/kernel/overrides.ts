import type { Caller, Check, Target } from './policy.ts'

/**
 * Rules an operator writes in the syntax of oslo.policy, as functions of the same kind as the built-in ones:
 * `role:NAME`, `rule:NAME`, `project_id:%(project_id)s`, `'word':%(name)s`, `@`, `!`, `and`, `or`, `not`, parentheses.
 * Case of words does not matter. What cannot be read is an error, never a guess.
 */
export class BadRule extends Error {}
type Lookup = (name: string, from: string[]) => Check

function words(text: string): string[] {
  const out: string[] = [], word = /\s*([()]|(?:%\([^)]*\)s|'[^']*'|"[^"]*"|[^\s()'"])+)/y
  while (text.slice(word.lastIndex).trim()) {
    const from: number = word.lastIndex, m = word.exec(text)
    if (!m) throw new BadRule(`'${text}' cannot be read from '${text.slice(from, from + 20)}' on`)
    out.push(m[1])
  }
  return out
}

export function parse(text: string, lookup: Lookup, from: string[] = []): Check {
  const tokens = words(text)
  let at = 0
  const next = () => tokens[at]?.toLowerCase()
  const either = (): Check => { const list = [both()]; while (next() === 'or') { at++; list.push(both()) } return list.length === 1 ? list[0] : join(list, 'or', (c, t) => list.some((x) => x(c, t))) }
  const both = (): Check => { const list = [one()]; while (next() === 'and') { at++; list.push(one()) } return list.length === 1 ? list[0] : join(list, 'and', (c, t) => list.every((x) => x(c, t))) }
  const one = (): Check => {
    const token = tokens[at++]
    if (token === undefined) throw new BadRule(`'${text}' ends too early`)
    if (token.toLowerCase() === 'not') { const inner = one(); return says(`not ${inner.says}`, (c, t) => !inner(c, t)) }
    if (token === '(') {
      const inner = either()
      if (tokens[at++] !== ')') throw new BadRule(`'${text}' lacks a ')'`)
      return inner
    }
    if (token === ')' || /^(and|or)$/i.test(token)) throw new BadRule(`'${text}' has '${token}' where a check is expected`)
    return check(token, lookup, from)
  }
  if (!tokens.length) return says('anyone', () => true)
  const whole = either()
  if (at < tokens.length) throw new BadRule(`'${text}' has '${tokens[at]}' after its end`)
  return whole
}

const says = (words: string, c: Check): Check => Object.assign(c, { says: words })
const join = (list: Check[], word: string, c: Check) => says(list.map((x) => (/ (and|or) /.test(x.says ?? '') ? `(${x.says})` : x.says)).join(` ${word} `), c)

function check(token: string, lookup: Lookup, from: string[]): Check {
  if (token === '@') return says('anyone', () => true)
  if (token === '!') return says('nobody', () => false)
  const m = /^('[^']*'|"[^"]*"|[^:]+):(.+)$/.exec(token)
  if (!m) throw new BadRule(`'${token}' is no check: it has no ':'`)
  const [, kind, match] = m
  if (kind === 'rule') return lookup(match, from)
  if (kind === 'role' && !match.includes('%(')) return says(`role:${match}`, (c) => c?.roles.includes(match.toLowerCase()) ?? false)
  if (kind === 'http' || kind === 'https') throw new BadRule(`'${token}': rules that ask another server are not taken`)
  const wanted = /^%\(([^)]+)\)s$/.exec(match)
  if (match.includes('%(') && !wanted) throw new BadRule(`'${token}': only a whole %(name)s can be filled in`)
  const right = (t: Target) => (wanted ? ofTarget(t, wanted[1]) : match.replace(/^(['"])(.*)\1$/, '$2'))
  const literal = /^['"](.*)['"]$/.exec(kind)?.[1] ?? (/^(true|false|none|\d+)$/i.test(kind) ? kind : undefined)
  if (literal === undefined && !(kind in CALLER)) throw new BadRule(`'${token}': a caller has no '${kind}'; known are ${Object.keys(CALLER).join(', ')}`)
  return says(token, (c, t) => {
    const want = right(t), have = literal ?? (c && CALLER[kind](c))
    if (want === undefined || have === undefined) return false
    return Array.isArray(have) ? have.includes(String(want).toLowerCase()) : String(have).toLowerCase() === String(want ?? 'none').toLowerCase()
  })
}

const CALLER: Record<string, (c: Caller) => string | boolean | string[] | undefined> = {
  user_id: (c) => c.user.id, user: (c) => c.user.id, user_domain_id: (c) => c.user.domain.id, project_id: (c) => c.project?.id, tenant_id: (c) => c.project?.id, tenant: (c) => c.project?.id,
  project_domain_id: (c) => c.project?.domain.id, domain_id: (c) => c.domain?.id, system_scope: (c) => (c.system ? 'all' : undefined), is_admin: (c) => c.admin, role: (c) => c.roles, roles: (c) => c.roles,
}
const PROJECT = /^(target\.)?((\w+\.)?(project|tenant)(_id|\.id)?|owner)$/, USER = /^(target\.)?(\w+\.)?(user|trustor_user|trustee_user)(_id|\.id)?$/, DOMAIN = /^(target\.)?((\w+\.)?(domain)(_id|\.id)?|\w+\.domain\.id)$/
/** Of what a rule is asked about, the member oslo's files call by that name. */
function ofTarget(t: Target, name: string): unknown {
  if (name in t) return t[name]
  if (PROJECT.test(name)) return t.project
  if (DOMAIN.test(name)) return t.domain
  if (USER.test(name)) return t.user
  const plain = name.split('.').at(-1)!
  return t[plain] ?? t[plain.replaceAll(/_(\w)/g, (_, c: string) => c.toUpperCase())]
}

/** Names that the services' own sample files define and operators' files lean on. */
const BASE: Record<string, string> = {
  admin_required: 'role:admin', admin_api: 'role:admin', context_is_admin: 'role:admin', admin_only: 'role:admin', context_is_advsvc: 'role:service', service_role: 'role:service', service_api: 'role:service', service_or_admin: 'rule:admin_required or rule:service_role',
  owner: 'user_id:%(user_id)s', admin_or_owner: 'rule:admin_required or project_id:%(project_id)s', project_owner: 'project_id:%(project_id)s', default: 'rule:admin_required',
  project_reader_api: 'role:reader and project_id:%(project_id)s', project_member_api: 'role:member and project_id:%(project_id)s', project_manager_api: 'role:manager and project_id:%(project_id)s',
  project_reader_or_admin: 'rule:project_reader_api or rule:admin_required', project_member_or_admin: 'rule:project_member_api or rule:admin_required', project_manager_or_admin: 'rule:project_manager_api or rule:admin_required',
  system_reader_api: 'role:reader and system_scope:all', system_admin_api: 'role:admin and system_scope:all', admin_or_token_subject: 'rule:admin_required or user_id:%(target.token.user_id)s', system_reader: 'rule:system_reader_api',
  xena_system_admin_or_project_reader: 'rule:project_reader_or_admin', xena_system_admin_or_project_member: 'rule:project_member_or_admin',
}

/** A service's rules with an operator's in their place; others of the file that rules of it name are followed. Throws BadRule. */
export function override(rules: Record<string, Check>, file: Record<string, unknown>): Record<string, Check> {
  const text = (name: string, value: unknown): string => {
    if (value === null) return '@'
    if (typeof value === 'string') return value
    // The old form: a list of alternatives, each a list of what must hold together.
    if (Array.isArray(value)) return value.map((one) => `(${[one].flat().join(' and ')})`).join(' or ')
    throw new BadRule(`${name}: a rule is text`)
  }
  const lookup: Lookup = (name, from) => {
    if (from.includes(name)) throw new BadRule(`${[...from, name].join(' → ')}: a rule leads back to itself`)
    if (name in file) return parse(text(name, file[name]), lookup, [...from, name])
    if (name in rules) return rules[name]
    if (name in BASE) return parse(BASE[name], lookup, [...from, name])
    throw new BadRule(`there is no rule '${name}'${from.length ? ` (asked for by ${from.at(-1)})` : ''}`)
  }
  const out = { ...rules }
  for (const name of Object.keys(file)) if (name in rules) out[name] = lookup(name, [])
  return out
}

let read: { text: string; file: Record<string, unknown> } | undefined
const made = new WeakMap<Record<string, Check>, { text: string; rules: Record<string, Check> }>()

/** The rules that hold in this deployment: `text` is JSON or YAML, rule names to expressions. What cannot be read lets nobody in. */
export async function rulesIn(rules: Record<string, Check>, text: string | undefined): Promise<Record<string, Check>> {
  if (!text) return rules
  const have = made.get(rules)
  if (have?.text === text) return have.rules
  let fresh: Record<string, Check>
  try {
    if (read?.text !== text) read = { text, file: await fileOf(text) }
    fresh = override(rules, read.file)
  } catch (e) {
    console.error(JSON.stringify({ level: 'error', what: 'policy', error: e instanceof Error ? e.message : String(e) }))
    fresh = Object.fromEntries(Object.keys(rules).map((name) => [name, Object.assign(() => false, { says: 'nobody: the policy cannot be read' })]))
  }
  made.set(rules, { text, rules: fresh })
  return fresh
}

export async function fileOf(text: string): Promise<Record<string, unknown>> {
  const found: unknown = text.trimStart().startsWith('{') ? JSON.parse(text) : (await import('yaml')).parse(text, { maxAliasCount: 0 })
  if (found === null) return {}
  if (typeof found !== 'object' || Array.isArray(found)) throw new BadRule('a policy file maps names of rules to expressions')
  return found as Record<string, unknown>
}
