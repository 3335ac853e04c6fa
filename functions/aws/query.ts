import type { TSchema } from 'typebox'
import { awsFault } from './faults.ts'

/**
 * Parameters of a Query request as the nested values its shape declares: `Parameters.member.1.ParameterKey=a` is a list of
 * one structure. The shape directs: numbers and booleans are read as such, lists are in order of their numbers (gaps
 * close), and what the shape does not know is refused by name, unless the protocol itself uses it.
 */
type Node = Map<string, Node> | string
interface Shape {
  type?: string; items?: Shape; required?: string[]; properties?: Record<string, Shape>; patternProperties?: Record<string, Shape>; anyOf?: Shape[]; const?: unknown
  /** How the protocol spells a member whose name differs. */
  wire?: string
}
const DEPTH = 12, COUNT = 20_000
const reserved = /^(Action|Version|SignatureVersion|SignatureMethod|Signature|Timestamp|AWSAccessKeyId|SecurityToken|X-Amz-[A-Za-z0-9-]+)$/

export function tree(params: Iterable<[string, string]>): Map<string, Node> {
  const root = new Map<string, Node>()
  let n = 0
  for (const [name, value] of params) {
    if (reserved.test(name)) continue
    if (++n > COUNT) throw awsFault('ValidationError', `A request has at most ${COUNT} parameters.`)
    const path = name.split('.')
    if (path.length > DEPTH || path.some((p) => !p || p.length > 255)) throw awsFault('MalformedQueryString', `The parameter '${name.slice(0, 100)}' cannot be read.`)
    let at = root
    for (const part of path.slice(0, -1)) {
      const next = at.get(part)
      // `Tags=` announces an empty list; members may follow all the same.
      if (next === undefined || next === '') { const fresh = new Map<string, Node>(); at.set(part, fresh); at = fresh }
      else if (typeof next === 'string') throw awsFault('MalformedQueryString', `The parameter '${name.slice(0, 100)}' is given both as a value and as a structure.`)
      else at = next
    }
    const last = path.at(-1)!
    if (at.has(last)) throw awsFault('MalformedQueryString', `The parameter '${name.slice(0, 100)}' is given more than once.`)
    at.set(last, value)
  }
  return root
}

export interface Spelling {
  /** `Name.member.1` (most services), or `Name.1` (EC2). */
  flat?: boolean
}

const bad = ({ flat }: Spelling, message: string) => awsFault(flat ? 'InvalidParameterValue' : 'ValidationError', message)

/** What the shape makes of it; `at` is where in the request, for messages. */
export function shaped(schema: TSchema, node: Node | undefined, spelling: Spelling = {}, at = ''): unknown {
  const s = schema as Shape
  if (node === undefined) return undefined
  if (s.anyOf) return shaped(s.anyOf.find((o) => typeof node === 'string' ? o.type !== 'object' && o.type !== 'array' : o.type === 'object' || o.type === 'array') as TSchema ?? s.anyOf[0], node, spelling, at)
  if (s.type === 'array') return listOf(s, node, spelling, at)
  if (s.type === 'object') return s.properties ? structure(s, node, spelling, at) : mapOf(s, node, spelling, at)
  // What may be anything is looked at by nobody.
  if (!s.type && !('enum' in s)) return typeof node === 'string' ? node : {}
  if (typeof node !== 'string') throw bad(spelling, `Invalid value at '${at}': a value was expected, not a structure.`)
  if (s.type === 'integer' || s.type === 'number') {
    if (!/^-?\d{1,15}(\.\d{1,10})?$/.test(node.trim())) throw bad(spelling, `Invalid value at '${at}': '${node.slice(0, 40)}' is not a number.`)
    return Number(node)
  }
  if (s.type === 'boolean') {
    if (/^true$/i.test(node)) return true
    if (/^false$/i.test(node)) return false
    throw bad(spelling, `Invalid value at '${at}': '${node.slice(0, 40)}' is neither true nor false.`)
  }
  return node
}

function structure(s: Shape, node: Node, spelling: Spelling, at: string) {
  const out: Record<string, unknown> = {}
  if (node === '') return out
  if (typeof node === 'string') throw bad(spelling, `Invalid value at '${at}': a structure was expected.`)
  const rest = new Set(node.keys())
  for (const [name, member] of Object.entries(s.properties!)) {
    const wire = member.wire ?? name
    rest.delete(wire)
    const value = shaped(member as TSchema, node.get(wire), spelling, at ? `${at}.${wire}` : wire)
    if (value !== undefined) out[name] = value
  }
  for (const name of rest) throw awsFault(spelling.flat ? 'UnknownParameter' : 'ValidationError', `Unknown parameter: '${(at ? `${at}.${name}` : name).slice(0, 200)}'.`)
  // Which of a structure's members have to be there the others say themselves, all in one.
  if (spelling.flat) for (const name of s.required ?? []) if (!(name in out)) throw awsFault('MissingParameter', `The request must contain the parameter ${at ? `${at}.` : ''}${s.properties![name].wire ?? name}`)
  return out
}

function listOf(s: Shape, node: Node, spelling: Spelling, at: string): unknown[] {
  if (node === '') return []
  if (typeof node === 'string') throw bad(spelling, `Invalid value at '${at}': a list was expected (${at}${spelling.flat ? '' : '.member'}.1).`)
  let items = node
  if (!spelling.flat) {
    const member = node.get('member')
    if (member === undefined || typeof member === 'string' || node.size > 1) throw bad(spelling, `Invalid value at '${at}': members of a list are ${at}.member.1 and so on.`)
    items = member
  }
  const numbers = [...items.keys()]
  for (const n of numbers) if (!/^\d{1,6}$/.test(n)) throw bad(spelling, `Invalid value at '${at}': '${n.slice(0, 40)}' is not the number of a member.`)
  return numbers.sort((a, b) => +a - +b).map((n) => shaped(s.items as TSchema, items.get(n), spelling, `${at}.${n}`))
}

/** `Map.entry.1.key`, `Map.entry.1.value`. */
function mapOf(s: Shape, node: Node, spelling: Spelling, at: string) {
  if (node === '') return {}
  const entries = typeof node === 'string' ? undefined : spelling.flat ? node : node.get('entry')
  if (!entries || typeof entries === 'string') throw bad(spelling, `Invalid value at '${at}': entries of a map are ${at}.entry.1.key and .value.`)
  const inside = (Object.values(s.patternProperties ?? {})[0] ?? { type: 'string' }) as TSchema
  const out = Object.create(null) as Record<string, unknown>
  for (const e of entries.values()) {
    const key = typeof e === 'string' ? undefined : e.get('key')
    if (typeof e === 'string' || typeof key !== 'string') throw bad(spelling, `Invalid value at '${at}': an entry has a key and a value.`)
    out[key] = shaped(inside, e.get('value') ?? '', spelling, `${at}.${key}`)
  }
  return out
}
