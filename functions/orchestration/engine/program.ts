import { eq } from 'drizzle-orm'
import { stackTemplate } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { Fault, invalid } from '../../kernel/fault.ts'
import { checkRules, conditionsOf, dependencies, parametersOf, parse, parseEnvironment, pseudoParameters, referencesOf, registryOf, resolve, select, UNKNOWN, type Conditions, type Environment, type Front, type Graph, type Json, type ParameterHooks, type ParameterValues, type Scope, type Template, type Value } from '../template/index.ts'
import { holds } from '../template/dependencies.ts'
import { storeHooks } from './lookups.ts'
import { typeFor } from '../types/resolve.ts'
import { LIGHT } from './light.ts'
import type { Sketch } from '../types/provider.ts'
import { openTemplate, shut, type StoredTemplate } from './sealed.ts'
import { importsOf } from './imports.ts'

/** What a stack is made from, as it came. */
export interface Source { body: string | Record<string, Json>; files?: Record<string, string>; environment?: Json; given?: Record<string, Json>; previous?: Record<string, Json> }
export interface Place { id: string; name: string; project: string; front: Front; region: string; facade?: Scope['facade']; notifications?: string[]; tags?: unknown }

/** A template with everything that is known before any resource is: read once per turn and isolate. */
export interface Program {
  /** The row it was read from; empty for one that is not kept. */
  id: string
  template: Template
  environment: Environment
  files: Record<string, string>
  parameters: ParameterValues
  /** Parameters and pseudo parameters, for scopes. */
  values: Record<string, Value>
  conditions: Conditions
  graph: Graph
  /** By resource: the attributes others and outputs ask for. */
  wanted: Map<string, Set<string>>
  /** Resources of light types. */
  light: Set<string>
  /** Values that no message may show. */
  secrets: string[]
  place: Place
}

export interface Looser { lenient?: boolean; hooks?: ParameterHooks }

/** Text to program; every mistake a template can have without its resources is refused here. */
export async function compile(source: Source, place: Place, id = '', o: Looser = {}): Promise<Program> {
  const environment = parseEnvironment(source.environment)
  const given = { ...environment.parameters, ...source.given }
  const template = parse(source.body, { front: place.front, parameters: { ...environment.parameterDefaults, ...given } })
  const secrets = secretsIn(template, [given, environment.parameterDefaults, source.previous ?? {}, Object.fromEntries([...template.parameters.values()].map((p) => [p.name, p.default]))])
  return masked(secrets, () => finish(source, place, id, o, { environment, given, template, secrets }))
}

async function finish(source: Source, place: Place, id: string, o: Looser, { environment, given, template, secrets }: { environment: Environment; given: Record<string, Json>; template: Template; secrets: string[] }): Promise<Program> {
  const parameters = await parametersOf(template, { given, defaults: environment.parameterDefaults, previous: source.previous, lenient: o.lenient, ...o.hooks })
  const values = { ...parameters.values, ...pseudoParameters(template, { id: place.id, name: place.name, project: place.project, region: place.region, arn: arnOf(place), notificationArns: place.notifications ?? [] }) }
  if (!o.lenient && template.rules.size) await checkRules(template, { parameters: values })
  const conditions = conditionsOf(template, values)
  const graph = dependencies(template, conditions, values)
  const program: Program = { id, template, environment, files: source.files ?? {}, parameters, values, conditions, graph, wanted: new Map(), light: new Set(), secrets, place }
  want(program)
  await implicit(program)
  return program
}

/** What hidden parameters are worth appears in no message, wherever it got in. */
export function masked<T>(hidden: string[], work: () => T): T
export function masked<T>(hidden: string[], work: () => Promise<T>): Promise<T>
export function masked(hidden: string[], work: () => unknown): unknown {
  const rethrow = (e: unknown): never => { if (e instanceof Fault) e.message = mask(hidden, e.message); throw e }
  try { const out = work(); return out instanceof Promise ? out.catch(rethrow) : out } catch (e) { return rethrow(e) }
}
export const mask = (hidden: string[], text: string) => hidden.reduce((t, secret) => t.split(secret).join('******'), text)
const secretsIn = (template: Template, values: Record<string, unknown>[]): string[] => [...template.parameters.values()].filter((p) => p.hidden).flatMap((p) => values.flatMap((v) => leaves(v[p.name]))).filter((v) => v.length > 2)
const leaves = (v: unknown): string[] => (typeof v === 'string' ? [v] : typeof v === 'number' ? [String(v)] : Array.isArray(v) ? v.flatMap(leaves) : v && typeof v === 'object' ? Object.values(v).flatMap(leaves) : [])

/** Stacks of the Query API are called by ARN, those of the native one too where templates ask. */
export const arnOf = (p: Pick<Place, 'id' | 'name' | 'project' | 'front' | 'region'>) =>
  (p.front === 'aws' ? `arn:aws:cloudformation:${p.region}:${p.project}:stack/${p.name}/${p.id}` : p.id)

const INTO = ['attributes', 'outputs', 'outputs_list']
function want({ template, conditions, wanted, graph }: Program) {
  const see = (json: Json | undefined) => {
    if (json === undefined || json === null) return
    for (const { resource, attribute, path } of referencesOf(json, template.dialect, conditions).attributes) {
      const set = wanted.get(resource) ?? new Set()
      set.add(attribute ?? 'show')
      // A map of what each member has: which, only the path says.
      if (attribute !== undefined && INTO.includes(attribute) && path.length) set.add(`${attribute}.${path[0]}`)
      wanted.set(resource, set)
    }
  }
  for (const name of graph.order) { const r = template.resources.get(name)!; see(r.properties); see(r.metadata) }
  for (const o of template.outputs.values()) see(o.value)
}

/** What types know of each other: a server follows the subnets of its network. */
async function implicit({ template, environment, files, graph, conditions, light }: Program) {
  const registry = registryOf(environment)
  let sketches: Map<string, Sketch> | undefined
  const sketch = () => sketches ??= new Map(graph.order.map((name) => {
    const r = template.resources.get(name)!, properties = (r.properties ?? {}) as Record<string, Json>
    return [name, { name, type: r.type, properties, refers: (p: string) => (properties[p] === undefined ? [] : [...referencesOf(properties[p], template.dialect, conditions).resources]) }]
  }))
  for (const name of graph.order) {
    const named = template.resources.get(name)!.type
    if (LIGHT.has(named) && registry.find(named, name) === named) { light.add(name); continue }
    const type = await typeFor(named, environment, files, name)
    if (!type?.after) continue
    const all = sketch(), self = all.get(name)!
    for (const need of type.after(self, [...all.values()].filter((s) => s.name !== name))) {
      // A wish gives way to what the template says.
      if (reaches(graph, need, name)) continue
      graph.requires.get(name)!.add(need)
      graph.requiredBy.get(need)!.add(name)
    }
  }
}
function reaches(graph: Graph, from: string, to: string): boolean {
  const seen = new Set<string>(), open = [from]
  for (let n = open.pop(); n !== undefined; n = open.pop()) {
    if (n === to) return true
    if (seen.has(n)) continue
    seen.add(n)
    open.push(...graph.requires.get(n) ?? [])
  }
  return false
}

const kept = new Map<string, Program>()
/** A few programs per isolate; a template's row never changes, so neither does its program. */
export async function programOf(ctx: Ctx, place: Place, id: string): Promise<Program> {
  const key = `${ctx.env.LIBSQL_URL} ${id}`
  let p = kept.get(key)
  if (!p) { p = await load(ctx, place, id); kept.delete(key) }
  else kept.delete(key)
  kept.set(key, p)
  if (kept.size > 12) kept.delete(kept.keys().next().value!)
  return p
}
export const keepProgram = (ctx: Ctx, program: Program) => { kept.set(`${ctx.env.LIBSQL_URL} ${program.id}`, program) }

async function load(ctx: Ctx, place: Place, id: string): Promise<Program> {
  const [[row]] = await ctx.read(q.select().from(stackTemplate).where(eq(stackTemplate.id, id)))
  if (!row) throw invalid(`Template ${id} of stack ${place.name} is gone.`)
  const { body, files, environment, given } = openTemplate(ctx, row)
  return compile({ body, files, environment: environment as Json, given }, place, id, { hooks: storeHooks(ctx, place.project) })
}

/** A template's row from its source. */
export function templateRow(ctx: Ctx, stack: string, source: Source, program: Program): StoredTemplate {
  const id = ctx.uuid(), { parameters: _, encrypted_param_names: __, ...environment } = (source.environment ?? {}) as Record<string, Json>
  return {
    id, stack, body: shut(ctx, id, typeof source.body === 'string' ? source.body : JSON.stringify(source.body)), files: shut(ctx, id, source.files ?? {}), environment: shut(ctx, id, environment as Record<string, unknown>),
    given: shut(ctx, id, program.parameters.given as Record<string, any>), imports: importsOf(program), createdAt: ctx.now(),
  }
}

export type Rows = Map<string, { physicalId: string | null; status: string; action: string; attributes: Record<string, unknown> }>
/** Looks into rows; what is not there yet is unknown. */
export function scopeOf(p: Program, rows: Rows, also: Partial<Scope> = {}): Scope {
  const there = (name: string) => { const r = rows.get(name); return r && (r.status === 'COMPLETE' || r.physicalId) && r.action !== 'DELETE' ? r : undefined }
  return {
    dialect: p.template.dialect, parameters: p.values, conditions: p.conditions, mappings: p.template.mappings, resources: new Set(p.template.resources.keys()), lineOf: p.template.lineOf,
    resource(name) { const r = there(name); return r ? (r.attributes.$ref as Value | undefined) ?? r.physicalId ?? name : UNKNOWN },
    attribute(name, attribute, path) {
      const r = there(name), key = attribute ?? 'show', inner = `${key}.${path[0]}`
      if (!r) return UNKNOWN
      if (path.length && INTO.includes(key) && Object.hasOwn(r.attributes, inner)) return select(r.attributes[inner] as Value, path.slice(1))
      if (!Object.hasOwn(r.attributes, key)) return undefined
      const value = r.attributes[key] as Value, error = value && typeof value === 'object' && !Array.isArray(value) ? value.$error : undefined
      if (typeof error === 'string') throw invalid(error)
      return select(value, path)
    },
    file: (name) => p.files[name],
    facade: p.place.facade,
    ...also,
  }
}
export const exists = (p: Program, name: string) => p.graph.requires.has(name)
export { holds, resolve, UNKNOWN }
