import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inNs } from './run.ts'
import { address } from './values.ts'

/** nftables through its JSON: tables as values, compared with the kernel's, changed in one transaction. */
export type Expr = Record<string, unknown>
export type Element = string | { concat: string[] } | { prefix: { addr: string; len: number } }
export interface Chain { hook?: { type: 'filter' | 'nat'; hook: string; prio: number }; rules: Expr[][] }
export interface SetOf { type: string | string[]; flags?: string[]; elements: Element[]; /** Its name says its content: never changed, only made and removed. */ fixed?: boolean }
export interface MapOf { type: string; map: string; elements: Map<string, Expr | string> }
/** Connection tracking helpers, whose names say what they are: never changed, only made and removed. */
export interface Helper { type: string; protocol: 'tcp' | 'udp' }
export interface Table { family: 'bridge' | 'inet'; name: string; chains: Map<string, Chain>; sets: Map<string, SetOf>; maps: Map<string, MapOf>; helpers: Map<string, Helper> }

export const table = (family: Table['family'], name: string): Table => ({ family, name, chains: new Map(), sets: new Map(), maps: new Map(), helpers: new Map() })
export const digest = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)

export const meta = (key: string): Expr => ({ meta: { key } })
export const field = (protocol: string, name: string): Expr => ({ payload: { protocol, field: name } })
export const both = (...parts: Expr[]): Expr => ({ concat: parts })
export const is = (left: Expr, right: unknown): Expr => ({ match: { op: '==', left, right } })
export const not = (left: Expr, right: unknown): Expr => ({ match: { op: '!=', left, right } })
export const drop: Expr = { drop: null }
export const accept: Expr = { accept: null }
export const back: Expr = { return: null }
export const jump = (target: string): Expr => ({ jump: { target } })
export const goto = (target: string): Expr => ({ goto: { target } })
export const vmap = (key: Expr, data: unknown): Expr => ({ vmap: { key, data } })
export const anyOf = (values: unknown[]): Expr => ({ set: values })

/**
 * Marks a table with the digest of the chains it has so far, as the name of an empty chain: another version of this
 * program, whose fixed chains differ, makes the table anew instead of taking it for its own.
 */
export const mark = (t: Table) => { t.chains.set(`form_${digest([...t.chains])}`, { rules: [] }) }

/** What the kernel has of a table, as far as it is compared: rules by their number, elements by a key. */
export interface Loaded { chains: Map<string, number>; sets: Map<string, Map<string, Element>>; maps: Map<string, Map<string, string>>; helpers: Set<string> }

export async function loaded(t: { family: string; name: string }, ns?: string): Promise<Loaded | undefined> {
  const text = await inNs(ns, 'nft', ['-j', 'list', 'table', t.family, t.name]).catch((error: Error) => {
    if (/No such file or directory/.test(error.message)) return undefined
    throw error
  })
  return text === undefined ? undefined : parse(text)
}

type Item = Record<string, { name: string; chain?: string; elem?: unknown[] }>
export function parse(text: string): Loaded {
  const out: Loaded = { chains: new Map(), sets: new Map(), maps: new Map(), helpers: new Set() }
  for (const { chain, rule, set, map, 'ct helper': helper } of (JSON.parse(text) as { nftables: Item[] }).nftables) {
    if (chain) out.chains.set(chain.name, out.chains.get(chain.name) ?? 0)
    if (rule) out.chains.set(rule.chain!, (out.chains.get(rule.chain!) ?? 0) + 1)
    if (helper) out.helpers.add(helper.name)
    if (set) out.sets.set(set.name, new Map((set.elem as Element[] ?? []).map((e) => [keyOf(e), e])))
    if (map) out.maps.set(map.name, new Map((map.elem as [Element, unknown][] ?? []).map(([k, v]) => [keyOf(k), valueOf(v)])))
  }
  return out
}
const plain = (part: unknown) => typeof part === 'string' ? address(part) ?? part : JSON.stringify(part)
const keyOf = (e: unknown): string => typeof e === 'object' && e && 'concat' in e ? (e.concat as unknown[]).map(plain).join(' ') : plain(e)
const valueOf = (v: unknown): string => typeof v === 'string' ? plain(v) : JSON.stringify(v)

/** The commands that turn what is loaded into what is wanted; none when they are equal. */
export function changes(want: Table, have: Loaded | undefined): Expr[] {
  const at = { family: want.family, table: want.name }
  const out: Expr[] = []
  const elements = (verb: 'add' | 'delete', name: string, elem: unknown[]) => { if (elem.length) out.push({ [verb]: { element: { ...at, name, elem } } }) }
  // Rules that somebody added or removed by hand show in their number: then the whole table is made anew.
  const intact = have && [...want.chains].every(([name, c]) => have.chains.has(name) ? have.chains.get(name) === c.rules.length : !name.startsWith('form_'))
    && [...want.sets].every(([name, s]) => s.fixed || have.sets.has(name)) && [...want.maps.keys()].every((name) => have.maps.has(name))
  if (!intact) {
    out.push({ add: { table: { family: want.family, name: want.name } } })
    if (have) out.push({ delete: { table: { family: want.family, name: want.name } } }, { add: { table: { family: want.family, name: want.name } } })
  }
  const old: Loaded = intact ? have : { chains: new Map(), sets: new Map(), maps: new Map(), helpers: new Set() }
  for (const [name, h] of want.helpers) if (!old.helpers.has(name)) out.push({ add: { 'ct helper': { ...at, name, ...h } } })
  for (const [name, s] of want.sets) {
    const current = old.sets.get(name)
    if (!current) {
      out.push({ add: { set: { ...at, name, type: s.type, ...(s.flags && { flags: s.flags }) } } })
      elements('add', name, s.elements)
    } else if (!s.fixed) {
      const wanted = new Map(s.elements.map((e) => [keyOf(e), e]))
      elements('delete', name, [...current].filter(([k]) => !wanted.has(k)).map(([, e]) => e))
      elements('add', name, [...wanted].filter(([k]) => !current.has(k)).map(([, e]) => e))
    }
  }
  for (const [name, c] of want.chains) if (!old.chains.has(name)) out.push({ add: { chain: { ...at, name, ...(c.hook && { ...c.hook, policy: 'accept' }) } } })
  for (const [name, m] of want.maps) {
    const current = old.maps.get(name)
    if (!current) out.push({ add: { map: { ...at, name, type: m.type, map: m.map } } })
    elements('delete', name, [...current ?? []].filter(([k, v]) => !m.elements.has(k) || valueOf(m.elements.get(k)) !== v).map(([k, v]) => [k, v.startsWith('{') ? JSON.parse(v) : v]))
    elements('add', name, [...m.elements].filter(([k, v]) => current?.get(k) !== valueOf(v)))
  }
  for (const [name, c] of want.chains) if (!old.chains.has(name)) for (const expr of c.rules) out.push({ add: { rule: { ...at, chain: name, expr } } })
  const gone = [...old.chains.keys()].filter((name) => !want.chains.has(name))
  for (const name of gone) out.push({ flush: { chain: { ...at, name } } })
  for (const name of gone) out.push({ delete: { chain: { ...at, name } } })
  for (const name of old.sets.keys()) if (!want.sets.has(name)) out.push({ delete: { set: { ...at, name } } })
  for (const name of old.helpers) if (!want.helpers.has(name)) out.push({ delete: { 'ct helper': { ...at, name } } })
  return out
}

/** One transaction: all of it or nothing. `check` only asks whether the kernel would take it. */
export async function commit(commands: Expr[], options: { ns?: string; check?: boolean } = {}): Promise<void> {
  if (!commands.length) return
  // nft opens its standard input anew by name, which fails for the socket Node gives a child: hence a file.
  const dir = await mkdtemp(join(tmpdir(), 'virga-nft-'))
  try {
    const file = join(dir, 'commands.json')
    await writeFile(file, JSON.stringify({ nftables: commands }), { mode: 0o600 })
    await inNs(options.ns, 'nft', [...(options.check ? ['-c'] : []), '-j', '-f', file])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
