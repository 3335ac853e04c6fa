import { shape, type Connection, type Stmt } from './connection.ts'
import { SqlError } from './values.ts'

type Cond =
  | { type: 'ok' | 'error'; step: number } | { type: 'not'; cond: Cond } | { type: 'and' | 'or'; conds: Cond[] } | { type: 'is_autocommit' }
interface Step { condition?: Cond | null; stmt: Stmt }
export type Request =
  | { type: 'execute'; stmt: Stmt } | { type: 'batch'; batch: { steps: Step[] } }
  | { type: 'sequence' | 'describe'; sql?: string; sql_id?: number } | { type: 'store_sql'; sql_id: number; sql: string }
  | { type: 'close_sql'; sql_id: number } | { type: 'get_autocommit' } | { type: 'close' }
export type Texts = Map<number, string>

const known = new Set(['execute', 'batch', 'sequence', 'describe', 'store_sql', 'close_sql', 'get_autocommit', 'close'])
const conditions = new Set(['ok', 'error', 'not', 'and', 'or', 'is_autocommit'])
const object = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

/** Why the requests cannot be understood, or undefined. Nothing of a pipeline runs when any part of it is unknown. */
export function refuse(requests: unknown): string | undefined {
  if (!Array.isArray(requests)) return 'requests must be an array'
  for (const [i, r] of requests.entries()) {
    if (!object(r) || !known.has(r.type as string)) return `requests[${i}] is of an unknown type ${JSON.stringify(object(r) ? r.type : r) ?? ''}`
    if (r.type === 'close' && i !== requests.length - 1) return `requests[${i}] closes the stream before the end of the pipeline`
    const why = r.type === 'execute' ? badStmt(r.stmt)
      : r.type === 'batch' ? badBatch(r.batch)
      : r.type === 'store_sql' ? (Number.isInteger(r.sql_id) && typeof r.sql === 'string' ? undefined : 'needs sql_id and sql')
      : r.type === 'close_sql' ? (Number.isInteger(r.sql_id) ? undefined : 'needs sql_id')
      : r.type === 'sequence' || r.type === 'describe' ? badText(r) : undefined
    if (why) return `requests[${i}]: ${why}`
  }
}

function badText(r: Record<string, unknown>) {
  const one = typeof r.sql === 'string', other = Number.isInteger(r.sql_id)
  return one !== other ? undefined : 'needs either sql or sql_id'
}
function badStmt(stmt: unknown): string | undefined {
  if (!object(stmt)) return 'needs stmt'
  if (stmt.args != null && !Array.isArray(stmt.args)) return 'args must be an array'
  if (stmt.named_args != null && !(Array.isArray(stmt.named_args) && stmt.named_args.every((a) => object(a) && typeof a.name === 'string'))) return 'named_args must be an array of names and values'
  return badText(stmt)
}
function badBatch(batch: unknown): string | undefined {
  if (!object(batch) || !Array.isArray(batch.steps)) return 'needs batch.steps'
  for (const [i, step] of batch.steps.entries()) {
    const why = !object(step) ? 'must be an object' : badStmt(step.stmt) ?? (step.condition == null ? undefined : badCond(step.condition, i))
    if (why) return `batch.steps[${i}]: ${why}`
  }
}
function badCond(c: unknown, before: number): string | undefined {
  if (!object(c) || !conditions.has(c.type as string)) return `unknown condition ${JSON.stringify(object(c) ? c.type : c)}`
  if (c.type === 'not') return badCond(c.cond, before)
  if (c.type === 'and' || c.type === 'or') return Array.isArray(c.conds) ? c.conds.map((x) => badCond(x, before)).find(Boolean) : 'conds must be an array'
  if ((c.type === 'ok' || c.type === 'error') && !(Number.isInteger(c.step) && (c.step as number) >= 0 && (c.step as number) < before)) return 'a condition names an earlier step'
}

/** What a pipeline will do, judged from its texts alone; when in doubt, more than it does. */
export interface Plan {
  /** May take the write lock. */
  writes: boolean
  /** Touches nothing of the connection beyond rows and its own transaction, so it may use the shared one. */
  plain: boolean
  /** Single statements, or one transaction in the client's own form: may be wrapped in an outer transaction. */
  groupable: boolean
  /** The transaction a stream may leave open wants writing. */
  locks: boolean
}

export function planOf(requests: Request[], stored: Texts): Plan {
  const plan = { writes: false, plain: true, groupable: true, locks: false }
  const texts = new Map(stored)
  const see = (stmt: { sql?: string; sql_id?: number }, at: 'alone' | 'first' | 'last' | 'inside') => {
    const sql = stmt.sql ?? texts.get(stmt.sql_id!)
    if (sql === undefined) return
    const it = shape(sql)
    if (it.kind === 'other' || it.statements !== 1) plan.plain = false
    if (it.kind === 'write' || it.kind === 'other') plan.writes = true
    if (it.kind === 'begin' && it.locks) plan.writes = plan.locks = true
    const fits = it.kind === 'read' || it.kind === 'write' || (it.kind === 'begin' && at === 'first' && !it.readonly)
      || ((it.kind === 'commit' || it.kind === 'rollback') && at === 'last')
    if (!fits) plan.groupable = false
  }
  for (const r of requests) {
    switch (r.type) {
      case 'store_sql': texts.set(r.sql_id, r.sql); break
      case 'execute': see(r.stmt, 'alone'); break
      case 'batch': {
        const { steps } = r.batch
        if (!steps.length) break
        const first = steps[0].stmt.sql ?? texts.get(steps[0].stmt.sql_id!)
        const whole = first !== undefined && shape(first).kind === 'begin'
        steps.forEach((s, i) => see(s.stmt, !whole ? 'alone' : i === 0 ? 'first' : i >= steps.length - 2 ? 'last' : 'inside'))
        break
      }
      case 'sequence': plan.writes = true; plan.plain = false; break
      case 'describe': plan.groupable = false; break
    }
  }
  if (!plan.plain) plan.groupable = false
  return plan
}

const failure = (e: unknown) => {
  const { message, code } = e as SqlError
  return JSON.stringify({ message: message || 'unknown failure', code: typeof code === 'string' ? code : 'SQLITE_ERROR' })
}
export const failed = (e: unknown) => `{"type":"error","error":${failure(e)}}`
export const closed = '{"type":"ok","response":{"type":"close"}}'

/** Runs a pipeline on a connection within this turn; one JSON text per request. */
export function run(conn: Connection, requests: Request[], texts: Texts, lock: boolean): string[] {
  return requests.map((r) => {
    try { return `{"type":"ok","response":{"type":"${r.type}"${answer(conn, r, texts, lock)}}}` } catch (e) { return failed(e) }
  })
}

function textOf(from: { sql?: string; sql_id?: number }, texts: Texts): string {
  const sql = from.sql ?? texts.get(from.sql_id!)
  if (sql === undefined) throw new SqlError('SQL_NOT_FOUND', `no text is stored under sql_id ${from.sql_id}`)
  return sql
}

function answer(conn: Connection, r: Request, texts: Texts, lock: boolean): string {
  switch (r.type) {
    case 'execute': return `,"result":${conn.execute(r.stmt, textOf(r.stmt, texts), lock)}`
    case 'batch': return `,"result":${batch(conn, r.batch.steps, texts, lock)}`
    case 'sequence': conn.exec(textOf(r, texts)); return ''
    case 'describe': return `,"result":${conn.describe(textOf(r, texts))}`
    case 'store_sql':
      if (texts.has(r.sql_id)) throw new SqlError('SQL_ID_TAKEN', `a text is already stored under sql_id ${r.sql_id}`)
      if (texts.size >= 1000) throw new SqlError('SQL_STORE_FULL', 'the stream keeps too many stored texts')
      texts.set(r.sql_id, r.sql)
      return ''
    case 'close_sql': texts.delete(r.sql_id); return ''
    case 'get_autocommit': return `,"is_autocommit":${!conn.inTransaction}`
    case 'close': return ''
  }
}

function batch(conn: Connection, steps: Step[], texts: Texts, lock: boolean): string {
  const done: (string | null)[] = [], wrong: (string | null)[] = []
  const holds = (c: Cond): boolean => {
    switch (c.type) {
      case 'ok': return done[c.step] !== null
      case 'error': return wrong[c.step] !== null
      case 'not': return !holds(c.cond)
      case 'and': return c.conds.every(holds)
      case 'or': return c.conds.some(holds)
      case 'is_autocommit': return !conn.inTransaction
    }
  }
  for (const step of steps) {
    let good: string | null = null, bad: string | null = null
    if (!step.condition || holds(step.condition)) {
      try { good = conn.execute(step.stmt, textOf(step.stmt, texts), lock) } catch (e) { bad = failure(e) }
    }
    done.push(good)
    wrong.push(bad)
  }
  return `{"step_results":[${done.map((x) => x ?? 'null').join(',')}],"step_errors":[${wrong.map((x) => x ?? 'null').join(',')}]}`
}
