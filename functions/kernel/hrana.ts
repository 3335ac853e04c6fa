/**
 * libSQL over HTTP: Hrana 2 in JSON, the part a stateless caller needs. A batch is one request, one transaction and one
 * answer, and no connection outlives it. Own code because it is the hottest path there is: rows go from JSON to plain
 * arrays, where the general client makes objects with three ways to every value (half of all CPU of a long list).
 */
export interface Statement { sql: string; params: unknown[] }
export interface Result { columns: string[]; rows: unknown[][] }
export interface Endpoint {
  url: string; token?: string; fetch: typeof fetch
  /** Milliseconds an answer may take: a database that hangs is one that cannot be reached. */
  patience?: number
}

/** The statement was refused; nothing of the batch happened. */
export class SqlFailure extends Error {
  readonly code: string
  constructor(code: string, message: string) { super(message); this.code = code }
}
/** No answer, or none that can be understood: what happened is not known. */
export class Unreachable extends Error {}

type Value = { type: 'null' } | { type: 'integer'; value: string } | { type: 'float'; value: number } | { type: 'text'; value: string } | { type: 'blob'; base64: string }
interface StmtResult { cols: { name: string }[]; rows: Value[][] }
interface Failure { code?: string; message: string }
interface BatchResult { step_results: (StmtResult | null)[]; step_errors: (Failure | null)[] }
type Answer = { type: 'ok'; response: { result: StmtResult & BatchResult } } | { type: 'error'; error: Failure }

/** `libsql:` is how hosted databases are named. */
const pipeline = (url: string) => `${url.replace(/^libsql:/, 'https:').replace(/\/+$/, '')}/v2/pipeline`

/** All of it or nothing, in order; `write` takes the write lock at once, so that a batch never fails half-way for want of it. */
export async function execute(to: Endpoint, statements: Statement[], mode: 'deferred' | 'write'): Promise<Result[]> {
  const stmts = statements.map((s) => ({ sql: s.sql, args: s.params.map(encode) }))
  const alone = stmts.length === 1
  const request = alone ? { type: 'execute', stmt: stmts[0] } : { type: 'batch', batch: { steps: transaction(stmts, mode) } }
  const [answer] = await send(to, [request, { type: 'close' }])
  if (answer.type === 'error') throw failure(answer.error)
  const { result } = answer.response
  if (alone) return [decode(result)]
  const wrong = result.step_errors.find((e) => e !== null)
  if (wrong) throw failure(wrong)
  // The first step begins, the last two commit or roll back.
  return result.step_results.slice(1, -2).map((r) => decode(r!))
}

function transaction(stmts: unknown[], mode: 'deferred' | 'write') {
  const texts = [{ sql: mode === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN DEFERRED' }, ...stmts, { sql: 'COMMIT' }]
  const steps: unknown[] = texts.map((stmt, i) => (i ? { stmt, condition: { type: 'ok', step: i - 1 } } : { stmt }))
  steps.push({ stmt: { sql: 'ROLLBACK' }, condition: { type: 'not', cond: { type: 'ok', step: steps.length - 1 } } })
  return steps
}

async function send({ url, token, fetch, patience = 20_000 }: Endpoint, requests: unknown[]): Promise<Answer[]> {
  let status: number, body: { results?: Answer[]; message?: string }
  // Taken back when the answer is there: a request may have so many timers and no more, and some ask the database thousands of times.
  const impatience = new AbortController(), timer = setTimeout(() => impatience.abort(new Error(`no answer within ${patience / 1000} s`)), patience)
  try {
    const answer = await fetch(pipeline(url), {
      method: 'POST', headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ baton: null, requests }), signal: impatience.signal,
    })
    status = answer.status
    body = await answer.json()
  } catch (e) {
    throw new Unreachable(e instanceof Error ? e.message : String(e))
  } finally { clearTimeout(timer) }
  if (status !== 200 || !body.results) throw new Unreachable(`the database answered ${status}${body.message ? `: ${body.message}` : ''}`)
  return body.results
}

const failure = (e: Failure) => new SqlFailure(e.code ?? 'UNKNOWN', e.message)

function encode(v: unknown): Value {
  switch (typeof v) {
    case 'string': return { type: 'text', value: v }
    case 'number':
      if (!Number.isFinite(v)) throw new RangeError('only finite numbers can be stored')
      return { type: 'float', value: v }
    case 'boolean': return { type: 'integer', value: v ? '1' : '0' }
    case 'bigint': return { type: 'integer', value: String(v) }
    case 'undefined': return { type: 'null' }
  }
  if (v === null) return { type: 'null' }
  if (v instanceof Uint8Array) return { type: 'blob', base64: base64(v) }
  throw new TypeError('a value of this kind cannot be stored')
}

function decode({ cols, rows }: StmtResult): Result {
  for (const row of rows as unknown[][]) for (let i = 0; i < row.length; i++) row[i] = plain(row[i] as Value)
  return { columns: cols.map((c) => c.name), rows }
}

function plain(v: Value): unknown {
  switch (v.type) {
    case 'text': case 'float': return v.value
    case 'null': return null
    case 'integer': {
      const n = Number(v.value)
      if (!Number.isSafeInteger(n)) throw new RangeError(`the integer ${v.value} is too large to be exact`)
      return n
    }
    case 'blob': return Uint8Array.from(atob(v.base64), (c) => c.charCodeAt(0))
  }
}

function base64(bytes: Uint8Array) {
  let text = ''
  for (const b of bytes) text += String.fromCharCode(b)
  return btoa(text)
}
