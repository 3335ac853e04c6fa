import { expect } from 'vitest'
import { hot, stacks } from '../../test-kit.ts'
import { typeNamed } from '../index.ts'
import facts from './facts.json'

type Props = Record<string, unknown>
export interface Row {
  type: string
  /** What it takes besides, by name. */
  around?: Record<string, { type: string; properties?: Props; depends_on?: string | string[] }>
  properties: Props
  /** One update each: what changes, and what the API shows then. */
  steps?: [change: Props, shown?: Props][]
  /** What the API shows once it is there. */
  shown?: Props
  /** Where the API shows it; `{id}` is the physical id, `{name}` another resource's. */
  at?: string
  /** Its physical id is where it is, and changes with that. */
  moves?: true
  /** The member of the answer that is the thing. */
  key?: string
  /** In-place properties that are not tried, and why. */
  untried?: Record<string, string>
  /** Shown values of attributes. */
  attributes?: Props
  /** The thing is there before and after: how it looks when nobody has touched it. */
  after?: Props
}
export interface Facts { properties: Record<string, string>; required: string[]; attributes: string[]; updatable: string[] }
export const factsOf = (type: string) => (facts as Record<string, Facts>)[type]

/** The life of a type against the services themselves: made, shown, changed property by property where it stands, gone. */
export async function table() {
  const k = await stacks(), { c } = k, project = (await c.call('GET', '/identity/v3/auth/tokens', { token: k.admin, headers: { 'x-subject-token': k.admin } })).body.token.project.id as string
  const api = (method: string, path: string, body?: unknown) => c.call(method, `/orchestration/v1/${project}${path}`, { token: k.admin, body })
  const stackOf = async (s: { id: string; stack_name: string }) => (await api('GET', `/stacks/${s.stack_name}/${s.id}`)).body.stack
  const resource = async (s: { id: string; stack_name: string }, name = 'it') => (await api('GET', `/stacks/${s.stack_name}/${s.id}/resources/${name}`)).body.resource
  const why = (s: any) => `${s.stack_status}: ${s.stack_status_reason}`

  async function make(template: unknown) {
    const stack_name = `s-${crypto.randomUUID().slice(0, 8)}`, r = await api('POST', '/stacks', { stack_name, template })
    expect([r.status, r.status === 201 ? '' : r.text]).toEqual([201, ''])
    await k.rest()
    return stackOf({ id: r.body.stack.id, stack_name })
  }
  async function change(s: any, template: unknown) {
    const r = await api('PUT', `/stacks/${s.stack_name}/${s.id}`, { template })
    expect([r.status, r.status === 202 ? '' : r.text]).toEqual([202, ''])
    await k.rest()
    return stackOf(s)
  }
  async function drop(s: any) {
    const r = await api('DELETE', `/stacks/${s.stack_name}/${s.id}`)
    expect(r.status).toBe(204)
    await k.rest()
    return stackOf(s)
  }

  async function live(row: Row) {
    const type = (await typeNamed(row.type))!, names = Object.keys(type.attributes)
    const template = (properties: Props) => hot({ ...row.around, it: { type: row.type, properties } }, { outputs: Object.fromEntries(names.map((a) => [a, { value: { get_attr: ['it', a] } }])) })
    let s = await make(template(row.properties))
    expect(why(s)).toBe('CREATE_COMPLETE: Stack CREATE completed successfully')
    const out = Object.fromEntries(s.outputs.map((o: any) => [o.output_key, o.output_error ?? o.output_value]))
    for (const a of names) expect(out, `attribute ${a}`).toHaveProperty([a])
    if (row.attributes) expect(out).toMatchObject(row.attributes)
    const first = await resource(s), id = first.physical_resource_id as string
    expect(id).toBeTruthy()
    let path = row.at?.replaceAll('{id}', id)
    for (const m of path?.matchAll(/\{(\w+)\}/g) ?? []) path = path!.replace(m[0], (await resource(s, m[1])).physical_resource_id)
    const look = async () => { const r = await c.call('GET', path!, { token: k.admin }); return { status: r.status, thing: row.key ? r.body?.[row.key] : r.body } }
    if (path && row.shown) expect((await look()).thing).toMatchObject(row.shown)
    let now = row.properties
    for (const [step, shown] of row.steps ?? []) {
      now = Object.fromEntries(Object.entries({ ...now, ...step }).filter(([, v]) => v !== undefined))
      s = await change(s, template(now))
      expect([JSON.stringify(step), why(s)]).toEqual([JSON.stringify(step), 'UPDATE_COMPLETE: Stack UPDATE completed successfully'])
      if (!row.moves) expect([JSON.stringify(step), (await resource(s)).physical_resource_id]).toEqual([JSON.stringify(step), id])
      if (shown) expect([JSON.stringify(step), (await look()).thing]).toMatchObject([JSON.stringify(step), shown])
    }
    const gone = await drop(s)
    expect(why(gone)).toBe('DELETE_COMPLETE: Stack DELETE completed successfully')
    if (path) {
      const { status, thing } = await look()
      if (row.after) expect(thing).toMatchObject(row.after)
      else expect([path, status]).toEqual([path, 404])
    }
    // Every property that may be changed where it stands was.
    const tried = new Set((row.steps ?? []).flatMap(([p]) => Object.keys(p))), live = Object.entries(type.properties).filter(([, p]) => p.update === 'in-place' && !p.ignored && p.support?.status !== 'HIDDEN').map(([n]) => n)
    expect(live.filter((n) => !tried.has(n) && !row.untried?.[n])).toEqual([])
  }
  return { k, c, live, make, change, drop, resource, why, api }
}
