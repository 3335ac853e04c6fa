import { Fault } from '../../kernel/fault.ts'
import { isKnown } from '../template/evaluate.ts'
import { TemplateFault } from '../template/fault.ts'
import { UNKNOWN, type Constraint, type Json, type Path, type Value } from '../template/types.ts'
import type { Property, ResourceType } from '../types/provider.ts'
import { formatOf } from './formats.ts'

type Schema = Record<string, Property>
/** What is wrong in a property's expression is said as what is wrong with a property. */
export function resolving(about: About, e: unknown): never {
  if (e instanceof TemplateFault && about.front === 'heat' && e.path.length && !e.message.startsWith('Property error')) {
    const at = [...e.path]
    // Up to the property: which function it was in is not said.
    const end = at.findIndex((p, i) => i > 3 && typeof p === 'string' && /^(get_|str_|list_|Fn::|Ref$|repeat$|digest$|map_|yaql$|if$|make_url$|filter$)/.test(p)), path = end < 0 ? at : at.slice(0, end)
    throw new TemplateFault(`Property error: : ${path.map((p, i) => (typeof p === 'number' ? `[${p}]` : i ? `.${p}` : p)).join('')}: : ${e.words}`, { path, line: e.line, type: e.detail.type, front: 'heat' })
  }
  throw e
}
export interface About { name: string; front: 'heat' | 'aws'; lineOf?: (path: Path) => number | undefined; region?: string }

/** Properties as a type wants them: defaults in place, texts turned into what they stand for, everything refused that cannot be. UNKNOWN is let through. */
export function checked(type: ResourceType, given: Value, about: About): Record<string, Value> {
  const at: Path = about.front === 'aws' ? ['Resources', about.name, 'Properties'] : ['resources', about.name, 'properties']
  const fail = (words: string, path: Path): never => { throw new TemplateFault(about.front === 'aws' ? words : `Property error: : ${path.map((p, i) => (typeof p === 'number' ? `[${p}]` : i ? `.${p}` : p)).join('')}: : ${words}`, { path, line: about.lineOf?.(path), front: about.front }) }
  if (given === UNKNOWN) return Object.fromEntries(Object.keys(type.properties).map((k) => [k, UNKNOWN]))
  if (given !== null && (typeof given !== 'object' || Array.isArray(given))) fail('Properties must be a map', at)
  const out = type.open ? { ...given as Record<string, Value> } : members(type.properties, (given ?? {}) as Record<string, Value>, at, fail, about)
  try { type.validate?.(out, about) } catch (e) { if (e instanceof Fault && !(e instanceof TemplateFault) && e.kind === 'invalid' && e.detail.type !== 'StackValidationFailed') return fail(e.message, at); throw e }
  return out
}

type Fail = (words: string, path: Path) => never

function members(schema: Schema, given: Record<string, Value>, at: Path, fail: Fail, about: About): Record<string, Value> {
  for (const k of Object.keys(given)) if (!Object.hasOwn(schema, k) && !schema['*']) fail(about.front === 'aws' ? `Encountered unsupported property ${k}` : `Unknown Property ${k}`, at)
  const out: Record<string, Value> = {}
  for (const [k, p] of Object.entries(schema)) {
    if (!p.instead || (given[k] ?? undefined) === undefined) continue
    if ((given[p.instead] ?? undefined) !== undefined) fail(`Cannot define the following properties at the same time: ${p.instead}, ${k}`, at)
    const { [k]: value, ...rest } = given
    given = { ...rest, [p.instead]: value }
  }
  // What is somebody else's to understand goes through as it is.
  if (schema['*']) for (const [k, v] of Object.entries(given)) if (!Object.hasOwn(schema, k)) out[k] = v
  for (const [k, p] of Object.entries(schema)) {
    if (k === '*') continue
    let v: Value | undefined = given[k] ?? undefined
    if (v === undefined && p.default !== undefined) v = p.default
    if (v === undefined) { if (p.required) fail(about.front === 'aws' ? `Property ${k} cannot be empty.` : `Property ${k} not assigned`, about.front === 'aws' ? [...at, k] : at); continue }
    out[k] = one(p, v, [...at, k], fail, about)
  }
  return out
}

function one(p: Property, v: Value, at: Path, fail: Fail, about: About): Value {
  if (v === UNKNOWN) return v
  const typed = convert(p, v, at, fail)
  if (p.type === 'list') {
    const { items } = p
    const list = (typed as Value[]).filter((x) => x !== null).map((x, i) => (items ? one(items, x, [...at, i], fail, about) : x))
    constrain(p, list, at, fail)
    return list
  }
  const whole = p.type === 'map' && p.members ? members(p.members, typed as Record<string, Value>, at, fail, about) : typed
  constrain(p, whole, at, fail)
  return whole
}

function convert(p: Property, v: Value, at: Path, fail: Fail): Value {
  const shown = () => (isKnown(v) ? JSON.stringify(v)?.slice(0, 100) : 'it')
  switch (p.type) {
    case 'string':
      if (typeof v === 'string') return v
      if (typeof v === 'boolean') return v ? 'true' : 'false'
      if (typeof v === 'number') return String(v)
      if (isKnown(v) && v !== null) return JSON.stringify(v)
      return fail('Value must be a string', at)
    case 'number': case 'integer': {
      const n = typeof v === 'number' ? v : typeof v === 'string' && v.trim() !== '' ? Number(v) : typeof v === 'boolean' ? NaN : NaN
      if (!Number.isFinite(n)) return fail(`Value '${typeof v === 'string' ? v : shown()}' is not ${p.type === 'integer' ? 'an integer' : 'a number'}`, at)
      if (p.type === 'integer' && !Number.isInteger(n)) return fail(`Value '${n}' is not an integer`, at)
      return n
    }
    case 'boolean': {
      if (typeof v === 'boolean') return v
      const word = String(typeof v === 'string' || typeof v === 'number' ? v : '').toLowerCase()
      if (['t', 'true', 'on', 'y', 'yes', '1'].includes(word)) return true
      if (['f', 'false', 'off', 'n', 'no', '0'].includes(word)) return false
      return fail(`"${typeof v === 'string' ? v : shown()}" is not a valid boolean`, at)
    }
    case 'list':
      if (Array.isArray(v)) return v
      if (typeof v === 'string') {
        if (/^\s*\[/.test(v)) { try { const j = JSON.parse(v); if (Array.isArray(j)) return j } catch { /* a list of words */ } }
        return v === '' ? [] : v.split(',').map((s) => s.trim())
      }
      if (p.items?.type === 'map' && v && typeof v === 'object') return [v]
      return fail(`"${shown()}" is not a list`, at)
    case 'map':
      if (v && typeof v === 'object' && !Array.isArray(v)) return v
      if (typeof v === 'string') { try { const j = JSON.parse(v); if (j && typeof j === 'object' && !Array.isArray(j)) return j } catch { /* no map */ } }
      return fail(`"${shown()}" is not a map`, at)
    case 'any': return v
  }
}

function constrain(p: Property, v: Value, at: Path, fail: Fail) {
  if (!isKnown(v)) return
  for (const c of p.constraints ?? []) { const why = refusal(c, v); if (why) fail(why, at) }
}

const size = (v: Json) => (typeof v === 'string' ? [...v].length : Array.isArray(v) ? v.length : v && typeof v === 'object' ? Object.keys(v).length : String(v).length)
/** Why a value does not fit, in heat's words. */
export function refusal(c: Constraint, v: Json): string | undefined {
  if (c.description && plain(c, v)) return c.description
  return plain(c, v)
}
function plain(c: Constraint, v: Json): string | undefined {
  switch (c.kind) {
    case 'length': { const n = size(v); return (c.min !== undefined && n < c.min) || (c.max !== undefined && n > c.max) ? `length (${n}) is out of range (min: ${c.min ?? 0}, max: ${c.max ?? 'None'})` : undefined }
    case 'range': { const n = Number(v); return (c.min !== undefined && n < c.min) || (c.max !== undefined && n > c.max) ? `${n} is out of range (min: ${c.min ?? 'None'}, max: ${c.max ?? 'None'})` : undefined }
    case 'modulo': return Number(v) % c.step !== c.offset % c.step ? `${v} is not a multiple of ${c.step} with an offset of ${c.offset})` : undefined
    case 'allowed_values': {
      const list = Array.isArray(v) ? v : [v], bad = list.find((x) => !c.values.some((a) => a === x || String(a) === String(x)))
      return bad === undefined ? undefined : `"${typeof bad === 'string' ? bad : JSON.stringify(bad)}" is not an allowed value [${c.values.map(String).join(', ')}]`
    }
    // Patterns of types are our own; those of templates are judged by the template's own engine.
    case 'allowed_pattern': return new RegExp(`^(?:${c.pattern})$`).test(String(v)) ? undefined : `"${v}" does not match pattern "${c.pattern}"`
    case 'custom_constraint': return formatOf(c.name)?.(v)
  }
}
