import type { SQL } from 'drizzle-orm'
import type { BatchResponse } from 'drizzle-orm/batch'
import { event } from '../../schema/kernel.ts'
import { Database, guardQuery, q, type Query } from './db.ts'
import type { Env, Later, World } from './env.ts'
import { forbidden, Stale, unauthorized } from './fault.ts'
import { nudge } from './nudge.ts'
import type { Caller, Check, Target } from './policy.ts'

export type Guard = 'stale' | 'quota' | 'capacity' | 'address' | 'affinity'

/** Wakes a host; `gently`: it may wait a moment for more. */
export type Ring = (host: string, gently?: boolean) => Promise<unknown>

/** What every attempt at one unit of work shares. */
export interface Basis {
  env: Env; world: World; later: Later
  requestId: string
  /** Undefined for public endpoints and for the cloud's own work (sagas, sweeps). */
  caller?: Caller
  /** The service's rules by name; `may` looks here. */
  rules: Record<string, Check>
  /** The negotiated microversion as a number (2079); the newest for the cloud's own work. */
  version: number
  /** What is being done: an endpoint's id, a saga's step, a sweep. */
  action: string
  /** Scheme and authority the client used: links point back there. */
  origin: string
  db: Database
  /** Staged with whatever the unit writes; nothing when it writes nothing. */
  along?: (ctx: Ctx) => void
}

/**
 * One attempt at one unit of work: read, decide, stage. Everything staged lands in one batch, or nothing does.
 * Nothing staged can be read back before it is committed: work that must splits into two steps of a saga.
 */
export class Ctx {
  readonly basis: Basis
  /** Extra headers of the answer, where there are any. */
  said?: Headers
  private readonly staged: Query[]
  private readonly bells: Set<string>
  private readonly heard: Map<number, (rows: any[]) => void>
  private readonly after: (() => Promise<unknown>)[]
  private readonly changed: Set<string>
  private subject?: string
  private noted = false

  /** `within`: the same batch, under another name. */
  constructor(basis: Basis, within?: Ctx) {
    this.basis = basis
    this.staged = within?.staged ?? []
    this.bells = within?.bells ?? new Set()
    this.heard = within?.heard ?? new Map()
    this.after = within?.after ?? []
    this.changed = within?.changed ?? new Set()
  }

  get env() { return this.basis.env }
  get world() { return this.basis.world }
  get version() { return this.basis.version }
  get requestId() { return this.basis.requestId }
  get origin() { return this.basis.origin }
  get headers() { return this.said ??= new Headers() }
  now() { return this.basis.world.now() }
  uuid() { return this.basis.world.uuid() }

  /** Who asks; 401 when nobody does. */
  get caller(): Caller {
    if (!this.basis.caller) throw unauthorized('The request you have made requires authentication.')
    return this.basis.caller
  }
  get anyone(): Caller | undefined { return this.basis.caller }
  /** The project the token is scoped to; 403 for tokens of other scopes. */
  get project(): string {
    const p = this.caller.project
    if (!p) throw forbidden('This request needs a token that is scoped to a project.')
    return p.id
  }

  /** One round trip, one snapshot. Ask for all a decision needs at once. */
  read<const T extends readonly [Query, ...Query[]]>(...queries: T): Promise<BatchResponse<[...T]>> { return this.basis.db.read(queries) }

  /** Adds a statement to the batch; with a guard, the batch is refused when the statement touches no row. */
  stage(statement: Query, guard?: Guard) {
    this.staged.push(statement)
    if (guard) this.staged.push(guardQuery(guard))
  }
  /** A statement with `returning({ id })` of hosts: they are told, after the commit, that what should be on them changed. Many such changes in a row are told as few. */
  stageAndRing(statement: Query) {
    this.stageFor(statement, (rows: { id: string }[]) => { for (const row of rows) this.changed.add(row.id) })
  }
  /** A statement with `returning`: what it gave is handed over once the batch has landed. */
  stageFor<T>(statement: Query, use: (rows: T[]) => void) {
    this.heard.set(this.staged.length, use)
    this.staged.push(statement)
  }
  ring(host: string) { this.bells.add(host) }
  /** After a successful commit, not part of it: only what may be lost. */
  afterCommit(work: () => Promise<unknown>) { this.after.push(work) }

  /** The resource this request is about, for its audit entry, when the path does not say (a create). */
  about(resource: string) { this.subject = resource }
  /** A notification: a line in the resource's timeline, in the same batch as the change it tells of. Never a secret. */
  event(action: string, resource: string, detail?: Record<string, unknown>, project?: string | null) {
    this.stage(q.insert(event).values(this.entry(action, resource, detail, project)))
  }
  private entry(action: string, resource?: string, detail?: Record<string, unknown>, project?: string | null) {
    const c = this.basis.caller
    return { at: this.now(), action, resource: resource ?? null, project: project ?? c?.project?.id ?? null, user: c?.user.id ?? null, requestId: this.requestId, detail: detail ?? null }
  }
  /** The audit entry of a request that changes something: once, with the change. */
  note(resource?: string) {
    if (this.noted || this.staged.length === 0) return
    this.noted = true
    this.staged.push(q.insert(event).values(this.entry(this.basis.action, this.subject ?? resource)))
  }

  /** May the caller do `rule` to `target`? */
  can(rule: string, target: Target = { project: this.basis.caller?.project?.id }): boolean {
    const check = this.basis.rules[rule]
    if (!check) throw new Error(`no such rule: ${rule}`)
    return check(this.basis.caller, target)
  }
  /** 403 unless the caller may. */
  may(rule: string, target?: Target) {
    if (!this.can(rule, target)) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  }

  /** Where the failing statements of a step are cut off again. */
  mark() { return this.staged.length }
  cut(mark: number) {
    this.staged.length = mark
    for (const i of this.heard.keys()) if (i >= mark) this.heard.delete(i)
  }
  get dirty() { return this.staged.length > 0 }

  async commit(ringBell: Ring) {
    if (this.staged.length > 0) {
      const results = await this.basis.db.write([...this.staged] as [Query, ...Query[]])
      for (const [i, use] of this.heard) use((results[i] as unknown[] | undefined) ?? [])
    }
    this.staged.length = 0
    this.heard.clear()
    for (const host of this.bells) this.basis.later.waitUntil(ringBell(host).catch(() => {}))
    const neighbours = [...this.changed].filter((host) => !this.bells.has(host))
    if (neighbours.length) this.basis.later.waitUntil(nudge(neighbours, (host) => ringBell(host, true)))
    for (const work of this.after) this.basis.later.waitUntil(work().catch((e) => console.error(JSON.stringify({ level: 'error', what: 'after commit', requestId: this.requestId, error: String(e) }))))
  }
}

export type Where = SQL | undefined

/** Runs read-decide-stage, commits, and runs it again when the world moved underneath. */
export async function unit<T>(basis: Basis, work: (ctx: Ctx) => T | Promise<T>, ringBell: Ring, resource?: string): Promise<{ out: T; ctx: Ctx }> {
  for (let tries = 8; ; tries--) {
    const ctx = new Ctx(basis)
    try {
      const out = await work(ctx)
      ctx.note(resource)
      if (ctx.dirty) basis.along?.(ctx)
      await ctx.commit(ringBell)
      return { out, ctx }
    } catch (e) {
      if (!(e instanceof Stale) || tries <= 1) throw e
    }
  }
}
