import type { Ctx } from '../../kernel/ctx.ts'
import { invoke, type Invocation } from '../../kernel/invoke.ts'
import type { Caller } from '../../kernel/policy.ts'
import { standIn, type Delegation } from '../../identity/standin.ts'
import { isKnown } from '../template/evaluate.ts'
import type { Value } from '../template/types.ts'
import type { Property, Reading, ResourceType, Shown, Work } from '../types/provider.ts'
import { findId } from './finders.ts'
import type { Program } from './program.ts'
import { open, shut } from './sealed.ts'
import type { ResourceRow, StackRow } from './record.ts'
import { signalUrl } from '../signals/url.ts'

/** Twelve letters that only this row has. */
export const shortOf = (id: string) => { const n = BigInt(`0x${id.replaceAll('-', '').slice(0, 15)}`); return n.toString(36).padStart(12, '0').slice(-12) }

export function readingOf(s: StackRow, row: ResourceRow, properties: Record<string, any>): Reading {
  return {
    stack: { id: s.id, name: s.name, project: s.project, front: s.front, depth: s.depth, root: s.root },
    resource: { id: row.id, name: row.name, type: row.type, physicalId: row.physicalId, data: row.data as Record<string, any>, metadata: row.metadata, status: row.status, action: row.action, createdAt: row.createdAt }, properties,
  }
}

/** What a type's functions get to work with. */
export async function workOf(ctx: Ctx, s: StackRow, row: ResourceRow, properties: Record<string, any>, begun = false, program?: Program): Promise<Work> {
  const caller = await standIn(ctx, s.delegation as Delegation)
  return workFor(ctx, caller, s, row, properties, begun, program)
}
export function workFor(ctx: Ctx, caller: Caller, s: StackRow, row: ResourceRow, properties: Record<string, any>, begun = false, program?: Program): Work {
  const call = async (to: Invocation) => (await invoke(ctx, caller, to)).body, found = new Map<string, Promise<string>>()
  return {
    ...readingOf(s, row, properties), ctx, caller, call, begun, files: program?.files, environment: program?.environment,
    uniqueName(limit = 255) {
      const tail = `-${shortOf(row.id)}`, full = `${s.name}-${row.name}`
      return (full.length + tail.length > limit ? full.slice(0, Math.max(1, limit - tail.length)).replace(/-+$/, '') : full) + tail
    },
    find(kind, given) { const at = `${kind} ${given}`; let p = found.get(at); if (!p) found.set(at, p = findId(call, kind, given, caller.project?.id)); return p },
    signalUrl: () => signalUrl(ctx, s, row),
  }
}

/** Names turned into ids, wherever the schema says that something is to be found. */
export async function foundIn(r: Work, schema: Record<string, Property>, given: Record<string, Value>): Promise<Record<string, any>> {
  const one = async (p: Property, v: any): Promise<any> => {
    if (v === null || v === undefined || v === '') return v
    if (p.find && typeof v === 'string') return r.find(p.find, v)
    if (p.items && Array.isArray(v) && finds(p.items)) return Promise.all(v.map((x) => one(p.items!, x)))
    if (p.members && typeof v === 'object' && finds(p)) return foundIn(r, p.members, v)
    return v
  }
  const out: Record<string, any> = {}
  for (const [k, v] of Object.entries(given)) out[k] = schema[k] ? await one(schema[k], v) : v
  return out
}
const memo = new WeakMap<Property, boolean>()
function finds(p: Property): boolean {
  let yes = memo.get(p)
  if (yes === undefined) memo.set(p, yes = !!p.find || !!(p.items && finds(p.items)) || Object.values(p.members ?? {}).some(finds))
  return yes
}

export const keptProperties = (ctx: Ctx, rowId: string, properties: Record<string, any>) => shut(ctx, rowId, properties)
export const propertiesOf = async (ctx: Ctx, row: Pick<ResourceRow, 'id' | 'properties'>): Promise<Record<string, any>> => open(ctx, row.id, row.properties)

/** Values that others asked for. Undefined when they are known only once the resource is shown. */
export async function attributesFor(type: ResourceType, r: Reading, wanted: Set<string> | undefined, shown: Shown | undefined): Promise<Record<string, unknown> | undefined> {
  const out: Record<string, unknown> = {}
  if (type.ref) out.$ref = type.ref(r, shown)
  for (const name of wanted ?? []) {
    const a = type.attributes[name]
    if (name === 'show' && !a) { if (!shown) { if (type.show) return undefined; continue } out.show = shown; continue }
    if (!a && type.attributes['*'] === undefined) continue
    const how = a ?? type.attributes['*']
    if (!how.own && !shown) return undefined
    const v = how.of ? await (how.of as (s: unknown, r: Reading, name: string) => unknown)(shown ?? {}, r, name) : (shown as Shown)[name]
    if (v !== undefined) out[name] = v
    else if (a) out[name] = null
  }
  return out
}

export const equal = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === (b ?? null)
  if (typeof a !== 'object' || typeof b !== 'object' || Array.isArray(a) !== Array.isArray(b)) return false
  const ka = Object.keys(a), kb = new Set([...ka, ...Object.keys(b)])
  for (const k of kb) if (!equal((a as any)[k], (b as any)[k])) return false
  return true
}
export { isKnown }
