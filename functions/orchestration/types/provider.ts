import type { Ctx } from '../../kernel/ctx.ts'
import type { Invocation } from '../../kernel/invoke.ts'
import type { Caller } from '../../kernel/policy.ts'
import type { Constraint, Environment, Json, Value } from '../template/types.ts'

/**
 * What a resource type is. A file per type exports one as its default, and `index.ts` has a line for it.
 *
 * The engine resolves and checks properties (functions of the template, defaults, types, constraints, names turned into ids by
 * `find`), then calls `create`, `update`, `remove` in a unit of work of the node. Whatever these do through `r.call` (any
 * endpoint of any service, in the name of who ordered the stack, without HTTP) lands in the same batch as the resource's own
 * row: both or neither. So:
 *  - Nothing that was changed in a unit can be read in the same unit. Two calls in one unit are fine when the second does
 *    not need to see the first. Otherwise return `{ again: true, data }` and go on in `ready` (or in `remove`, which is
 *    called again until it returns nothing).
 *  - A thrown Fault is the resource's failure; its message is what users read. A 404 of `remove` means it is gone already.
 *  - What takes time: return `{ id, wait: { lane } }` where lane is the id of the resource whose saga runs (a server, a
 *    volume); `ready` is called when that saga has ended, and now and then in case it was missed. It throws when the
 *    resource is in ERROR, returns `{ wait }` again when it is not done, and anything else when it is.
 *  - No state in memory. What a type has to remember goes into `data`; it replaces what was there. No secret in it.
 */
export interface ResourceType {
  name: string
  description?: string
  support?: { status: 'SUPPORTED' | 'DEPRECATED' | 'HIDDEN' | 'UNSUPPORTED'; version?: string; message?: string }
  properties: Record<string, Property>
  attributes: Record<string, Attribute>
  /** Properties it does not name are taken too. */
  open?: boolean
  /** Only admins may use it. */
  admin?: boolean
  create(r: Work): Promise<Progress> | Progress
  /** Asked when something waited for has happened; needed when `create` or `update` may wait. */
  ready?(r: Work): Promise<Progress> | Progress
  /** Without it every change of a property replaces the resource; with it, changes of those with `update: 'in-place'` come here. 'replace': not like this. */
  update?(r: Work, change: Change): Promise<Progress | 'replace'> | Progress | 'replace'
  /** Nothing returned: gone. `{ wait }` or `{ again }`: called again. `r.begun`: it was called before. Works whatever `create` got done. */
  remove?(r: Work): Promise<Gone | void> | Gone | void
  /** The resource as its API shows it now; attributes are taken from it, and a CHECK asks for it. */
  show?(r: Work): Promise<Shown> | Shown
  /** What get_resource and Ref give; the physical id when not said. */
  ref?(r: Reading, shown?: any): string
  suspend?(r: Work): Promise<Progress> | Progress
  resume?(r: Work): Promise<Progress> | Progress
  /** Throws when it is not well. Without it, `show` is asked. */
  check?(r: Work): Promise<Progress> | Progress
  /** What is needed to go back to now; given to `restore`. Without it nothing but the properties goes back. */
  snapshot?(r: Work): Promise<Progress & { snapshot?: Record<string, unknown> }> | Progress & { snapshot?: Record<string, unknown> }
  restore?(r: Work, snapshot: Record<string, unknown>): Promise<Progress> | Progress
  /** The snapshot goes: what was made for it goes too. The resource may be gone by then. */
  forget?(call: Work['call'], snapshot: Record<string, unknown>): Promise<void>
  /** The new one needs what this one holds (an address, a name): give it up before, and take it back when the new one is not to be. Each in a unit of its own. */
  yield?(r: Work): Promise<void> | void
  reclaim?(r: Work): Promise<void> | void
  /** Somebody signals it, through the API or by its presigned address. A returned text is the reason shown with the event. */
  signal?(r: Work, details: Json): Promise<Progress & { says?: string }> | Progress & { says?: string }
  /** Names of other resources of the template this one must follow although nothing refers to them. */
  after?(self: Sketch, others: Sketch[]): string[]
  /** What no schema can say; values that are not known yet are UNKNOWN. Throws a Fault. */
  validate?(properties: Record<string, Value>, about: { front: 'heat' | 'aws'; region?: string }): void
  /** Of one that is a stack itself: what that would be made from. */
  preview?(properties: Record<string, Value>, program: { environment: Environment; files: Record<string, string> }): { body: string | Record<string, Json>; files?: Record<string, string>; environment?: Json; given?: Record<string, Json> } | undefined
  /** A failed one is repaired by `update` rather than replaced. */
  repairs?: boolean
  /** Nobody may signal it with an address of its own. */
  quiet?: boolean
}

export interface Property {
  type: 'string' | 'number' | 'integer' | 'boolean' | 'list' | 'map' | 'any'
  description?: string
  required?: boolean
  default?: Json
  /** 'replace' when not said. 'never': a change is refused. */
  update?: 'in-place' | 'replace' | 'never'
  /** Never shown, logged or kept readable. */
  hidden?: boolean
  constraints?: Constraint[]
  /** Members of a map. Others are refused. */
  members?: Record<string, Property>
  /** Items of a list. */
  items?: Property
  /** A name or an id of one of these (`neutron.network`, see finders.ts): it is checked, and `properties` has the id. */
  find?: string
  support?: ResourceType['support']
  /** Accepted and without effect here, as the real one does. */
  ignored?: boolean
  /** An old name: its value is that of this property, and `properties` has only that. */
  instead?: string
}
export interface Attribute {
  type?: 'String' | 'Map' | 'List' | 'Integer' | 'Boolean' | 'Number'
  description?: string
  /** From what `show` or `create` showed; the member of the same name when not said. Undefined: not there yet. */
  of?: (shown: any, r: Reading) => unknown | Promise<unknown>
  /** Works without `shown`. */
  own?: boolean
}

type Props = Record<string, any>
export type Shown = Record<string, any>
export interface Reading {
  stack: { id: string; name: string; project: string; front: 'heat' | 'aws'; depth: number; root: string }
  /** `id` is the row's: it never changes and nobody else has it. */
  resource: { id: string; name: string; type: string; physicalId: string | null; data: Record<string, any>; metadata: Record<string, any>; status: string; action: string; createdAt: number }
  properties: Props
}
export interface Work extends Reading {
  ctx: Ctx
  caller: Caller
  /** In the name of who ordered the stack. Gives the body. */
  call(to: Invocation): Promise<any>
  /** `remove` only: it was called before. */
  begun: boolean
  /** A name of its own: `stack-resource-k3j5…`, at most `limit` characters. */
  uniqueName(limit?: number): string
  /** The id of what is called so, or has this id. 400 with heat's words when there is none or several. */
  find(kind: string, nameOrId: string): Promise<string>
  /** What the stack's template came with: for types that make stacks of their own. */
  files?: Record<string, string>
  environment?: Environment
  /** An address that lets its holder signal this resource for a while. */
  signalUrl(): Promise<string>
}
export interface Progress {
  /** The physical id, once there is one. */
  id?: string
  data?: Record<string, unknown>
  metadata?: Record<string, unknown>
  /** The resource as the API showed it, so that nobody need ask again for its attributes. */
  shown?: Shown
  /** Not done: `ready` is called when the saga in `lane` ends, or after `seconds` (30 when not said). */
  wait?: { lane?: string; seconds?: number }
  /** Not done: `ready` is called right after this batch. */
  again?: true
}
export interface Gone { wait?: { lane?: string; seconds?: number }; again?: true; data?: Record<string, unknown> }
export interface Change { before: Props; after: Props; changed: string[] }
/** A resource of a template before any of it exists. */
export interface Sketch { name: string; type: string; /** Unresolved. */ properties: Record<string, Json>; /** Names of resources a property refers to. */ refers(property: string): string[] }

export const resourceType = (t: ResourceType): ResourceType => t

/** Pieces of schemas. */
export const text = (o: Partial<Property> = {}): Property => ({ type: 'string', ...o })
export const number = (o: Partial<Property> = {}): Property => ({ type: 'number', ...o })
export const integer = (o: Partial<Property> = {}): Property => ({ type: 'integer', ...o })
export const boolean = (o: Partial<Property> = {}): Property => ({ type: 'boolean', ...o })
export const list = (items: Property | undefined, o: Partial<Property> = {}): Property => ({ type: 'list', items, ...o })
export const map = (members: Record<string, Property> | undefined, o: Partial<Property> = {}): Property => ({ type: 'map', members, ...o })
/** The name a property had before. */
export const formerly = (instead: string): Property => ({ type: 'any', instead, support: { status: 'HIDDEN', message: `Use property ${instead}.` } })
export const live = { update: 'in-place' } as const
export const required = { required: true } as const
export const oneOf = (...values: Json[]): Pick<Property, 'constraints'> => ({ constraints: [{ kind: 'allowed_values', values }] })
export const range = (min?: number, max?: number): Pick<Property, 'constraints'> => ({ constraints: [{ kind: 'range', min, max }] })
export const length = (min?: number, max?: number): Pick<Property, 'constraints'> => ({ constraints: [{ kind: 'length', min, max }] })

/**
 * A resource that is one document at one path: POST makes it, GET shows it, PUT or PATCH changes it, DELETE removes it.
 * `wire` is how properties are called in the body when differently; properties listed in `local` are not sent.
 */
export function rest(o: {
  service: string; path: string; key: string; version?: string
  update?: 'PUT' | 'PATCH'
  /** The name it gets when the template gives none; false: it has none. */
  named?: boolean
  nameLimit?: number
  wire?: Record<string, string>
  local?: string[]
  body?: (p: Props, r: Work) => Props | Promise<Props>
  /** What is sent when these properties changed; undefined: nothing. */
  change?: (change: Change, r: Work) => Props | undefined | Promise<Props | undefined>
  /** For those that take a while: true once it is there, throws when it failed. */
  settled?: (shown: Shown, r: Work) => boolean
  id?: (shown: Shown) => string
  query?: Record<string, string>
}): Pick<ResourceType, 'create' | 'update' | 'remove' | 'show' | 'ready'> {
  const rename = (p: Props, only?: string[]) => Object.fromEntries(Object.entries(p).filter(([k, v]) => v !== undefined && v !== null && !o.local?.includes(k) && (!only || only.includes(k))).map(([k, v]) => [o.wire?.[k] ?? k, v]))
  const at = (r: Work) => ({ service: o.service, version: o.version, path: `${o.path}/${encodeURIComponent(r.resource.physicalId ?? '')}` })
  const progress = (shown: Shown, r: Work): Progress => {
    const id = o.id ? o.id(shown) : String(shown.id)
    return { id, shown, ...(o.settled && !o.settled(shown, r) ? { wait: { lane: id } } : {}) }
  }
  const show = async (r: Work) => (await r.call({ ...at(r), method: 'GET' }))[o.key]
  return {
    show,
    async create(r) {
      const body = o.body ? await o.body(r.properties, r) : rename(r.properties)
      if (o.named !== false && body.name === undefined) body.name = r.uniqueName(o.nameLimit)
      return progress((await r.call({ service: o.service, version: o.version, path: o.path, method: 'POST', body: { [o.key]: body } }))[o.key], r)
    },
    ...(o.settled ? { async ready(r: Work) { return progress(await show(r), r) } } : {}),
    async update(r, change) {
      const body = o.change ? await o.change(change, r) : Object.fromEntries(change.changed.filter((k) => !o.local?.includes(k)).map((k) => [o.wire?.[k] ?? k, change.after[k] ?? null]))
      if (!body || !Object.keys(body).length) return {}
      // Taken away: back to a name of its own.
      if (o.named !== false && body.name === null) body.name = r.uniqueName(o.nameLimit)
      const answer = await r.call({ ...at(r), method: o.update ?? 'PUT', body: { [o.key]: body } })
      return { shown: answer?.[o.key] }
    },
    async remove(r) {
      if (!r.resource.physicalId) return
      if (r.begun) { await show(r); return { wait: { lane: r.resource.physicalId } } }
      await r.call({ ...at(r), method: 'DELETE' })
      if (o.settled) return { wait: { lane: r.resource.physicalId } }
    },
  }
}
