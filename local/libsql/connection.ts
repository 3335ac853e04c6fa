import Database from 'libsql'
import { shapeOf, type Shape } from './sql.ts'
import { bind, encode, SqlError, type NamedValue, type Value } from './values.ts'

export interface Stmt { sql?: string; sql_id?: number; args?: Value[]; named_args?: NamedValue[]; want_rows?: boolean }

type Native = ReturnType<InstanceType<typeof Database>['prepare']>
interface Prepared { native: Native; reader: boolean; cols: string }

const kept = 500
const keptText = 20_000
const nothing = '{"cols":[],"rows":[],"affected_row_count":0,"last_insert_rowid":null}'
const spoils = /^SQLITE_(BUSY|LOCKED|IOERR|FULL|NOMEM|CORRUPT|NOTADB|PROTOCOL|INTERRUPT|CANTOPEN|MISUSE)/

const shapes = new Map<string, Shape>()
/** The shape of a text, remembered: clients send the same few hundred texts over and over. */
export function shape(sql: string): Shape {
  const found = shapes.get(sql)
  if (found) return found
  const made = shapeOf(sql)
  if (sql.length <= keptText) {
    if (shapes.size >= 4 * kept) shapes.clear()
    shapes.set(sql, made)
  }
  return made
}

/** One SQLite connection: prepared statements, transaction control, results as JSON text. */
export class Connection {
  private readonly open: () => Database.Database
  private readonly responseLimit: number
  private db!: Database.Database
  private cache = new Map<string, Prepared>()
  private schema: unknown
  private version!: Native
  private rowid!: Native
  private spoiled = false
  /** Set while several requests share one outer transaction: begin, commit and rollback then mean a savepoint. */
  grouped = false
  private member = false
  private onlyReads = false

  constructor(open: () => Database.Database, responseLimit: number) {
    this.open = open
    this.responseLimit = responseLimit
    this.connect()
  }

  private connect() {
    this.db = this.open()
    this.cache.clear()
    this.version = this.db.prepare('pragma schema_version').raw(true)
    this.rowid = this.db.prepare('select last_insert_rowid()').raw(true).safeIntegers(true)
    this.schema = undefined
    this.spoiled = false
  }

  /** As the request sees it. */
  get inTransaction() { return this.grouped ? this.member : this.db.inTransaction }
  /** As SQLite sees it. */
  get busy() { return this.db.inTransaction }
  exec(sql: string) { this.db.exec(sql) }

  /** Before a turn: a fresh connection if the last one was spoiled, no statement from an older schema. */
  ready() {
    // A statement that failed with BUSY stays unfinished in the driver, and SQLite would not commit past it.
    if (this.spoiled && !this.db.inTransaction) { this.close(); this.connect() }
    const [now] = this.version.get([]) as unknown[]
    if (now !== this.schema) { this.cache.clear(); this.schema = now }
  }

  /** Back to a connection without group or transaction, whatever happened. */
  reset() {
    this.grouped = this.member = false
    this.rollback()
  }
  rollback() { if (this.db.inTransaction) this.db.exec('rollback') }
  close() {
    this.rollback()   // closing alone would leave the lock with statements not yet collected
    this.db.close()
  }

  /** Runs one statement; the answer is Hrana's StmtResult as JSON text. `lock`: a deferred begin takes the write lock at once. */
  execute(stmt: Stmt, sql: string, lock: boolean): string {
    const it = shape(sql)
    if (it.statements === 0) throw new SqlError('SQL_NO_STATEMENT', 'the text contains no statement')
    if (it.statements > 1) throw new SqlError('SQL_MANY_STATEMENTS', 'the text contains more than one statement')
    if (sql.includes('\0')) throw new SqlError('SQL_PARSE_ERROR', 'the text contains a NUL character')
    switch (it.kind) {
      case 'begin':
        this.onlyReads = it.readonly
        return this.grouped ? this.join(true) : this.control(lock && !it.locks && !it.readonly ? 'begin immediate' : sql)
      case 'commit': return this.grouped ? this.join(false) : this.control(sql)
      case 'rollback': return this.grouped ? this.leave() : this.control(sql)
      case 'savepoint': return this.control(sql)
    }
    // The driver takes BEGIN … READONLY and then does not hold it.
    if (this.onlyReads && this.inTransaction && it.kind !== 'read') throw new SqlError('SQLITE_READONLY', 'the transaction was begun as read-only')
    const args = bind(it.params, stmt.args, stmt.named_args)
    try {
      if (it.kind !== 'write' || this.db.inTransaction) return this.run(sql, args, stmt.want_rows !== false, it)
      return this.autocommit(() => this.run(sql, args, stmt.want_rows !== false, it))
    } catch (e) {
      if (spoils.test((e as SqlError).code ?? '')) this.spoiled = true
      throw e
    } finally {
      if (it.kind === 'other') this.cache.clear()
      // EXPLAIN of a write counts as unfinished even at its end, until the driver finalizes it.
      if (it.explains) this.spoiled = true
    }
  }

  /** Through exec(), which finalizes what it ran even when it fails. */
  private control(sql: string) {
    try {
      this.db.exec(sql)
    } catch (e) {
      if (spoils.test((e as SqlError).code ?? '')) this.spoiled = true
      throw e
    }
    return nothing
  }

  private join(begin: boolean) {
    if (begin === this.member) throw new SqlError('SQLITE_ERROR', begin ? 'cannot start a transaction within a transaction' : 'cannot commit - no transaction is active')
    this.control(begin ? 'savepoint member' : 'release member')
    this.member = begin
    return nothing
  }

  /** Takes back what the present member of the group did since its begin. */
  leave() {
    if (!this.member) throw new SqlError('SQLITE_ERROR', 'cannot rollback - no transaction is active')
    this.member = false
    return this.control('rollback to member; release member')
  }

  /** Takes the lock first, so that BUSY meets `begin` and never a statement half-way. Commits after a failure too, as SQLite does for OR FAIL. */
  private autocommit(work: () => string): string {
    this.db.exec('begin immediate')
    try { return work() } catch (e) {
      if ((e as SqlError).code === 'RESPONSE_TOO_LARGE') this.rollback()
      throw e
    } finally {
      if (this.db.inTransaction) {
        try { this.db.exec('commit') } catch (e) { this.rollback(); throw e }
      }
    }
  }

  prepare(sql: string): Prepared {
    const found = this.cache.get(sql)
    if (found) {
      this.cache.delete(sql)
      this.cache.set(sql, found)
      return found
    }
    const native = this.db.prepare(sql)
    const reader = native.reader
    if (reader) native.raw(true).safeIntegers(true)
    const cols = reader ? JSON.stringify(native.columns().map((c) => ({ name: c.name, decltype: c.type ?? null }))) : '[]'
    const made = { native, reader, cols }
    if (sql.length <= keptText) {
      if (this.cache.size >= kept) this.cache.delete(this.cache.keys().next().value!)
      this.cache.set(sql, made)
    }
    return made
  }

  private run(sql: string, args: unknown[], wantRows: boolean, it: Shape): string {
    const { native, reader, cols } = this.prepare(sql)
    if (!reader) {
      const done = native.run(args)
      const id = Number.isSafeInteger(done.lastInsertRowid) ? done.lastInsertRowid : this.lastRowid()
      return `{"cols":[],"rows":[],"affected_row_count":${it.kind === 'write' ? done.changes : 0},"last_insert_rowid":"${id}"}`
    }
    let text = '', count = 0, over = false
    for (const row of native.iterate(args) as Iterable<unknown[]>) {
      count++
      if (!wantRows) continue
      let line = count > 1 ? ',[' : '['
      for (let i = 0; i < row.length; i++) line += i ? ',' + encode(row[i]) : encode(row[i])
      text += line + ']'
      if (text.length <= this.responseLimit) continue
      // A read is left where it is, which costs the connection; a write is let run to its end and rolled back.
      if (it.kind === 'read') { this.spoiled = true; break }
      text = ''
      over = true
    }
    if (over || text.length > this.responseLimit) throw new SqlError('RESPONSE_TOO_LARGE', `the result is larger than ${this.responseLimit} bytes; ask for fewer rows`)
    const id = it.kind === 'write' ? `"${this.lastRowid()}"` : 'null'
    return `{"cols":${cols},"rows":[${text}],"affected_row_count":${it.kind === 'write' ? count : 0},"last_insert_rowid":${id}}`
  }

  private lastRowid() { return (this.rowid.get([]) as unknown[])[0] }

  describe(sql: string): string {
    const it = shape(sql)
    if (it.statements !== 1) throw new SqlError(it.statements ? 'SQL_MANY_STATEMENTS' : 'SQL_NO_STATEMENT', 'describe takes exactly one statement')
    const { cols } = this.prepare(sql)
    const readonly = it.explains || (it.kind !== 'write' && it.kind !== 'other')
    return `{"params":${JSON.stringify(it.params.map((name) => ({ name })))},"cols":${cols},"is_explain":${it.explains},"is_readonly":${readonly}}`
  }
}
