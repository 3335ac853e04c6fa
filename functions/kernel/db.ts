import { drizzle } from 'drizzle-orm/sqlite-proxy'
import { getTableName, sql, type SQL } from 'drizzle-orm'
import type { BatchItem, BatchResponse } from 'drizzle-orm/batch'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import { SQLiteRaw } from 'drizzle-orm/sqlite-core/query-builders/raw'
import type { Env, World } from './env.ts'
import { conflict, Fault, Stale, unavailable } from './fault.ts'
import { execute, SqlFailure, Unreachable, type Endpoint, type Result } from './hrana.ts'

export type Query = BatchItem<'sqlite'>

/** Builds statements; runs none. Execution belongs to a request's own `Database`. */
export const q = drizzle(() => { throw new Error('a statement is run by a request\'s Database') })

/** One request's connection to the database. Never shared: in workerd a promise belongs to one request. */
export class Database {
  private readonly endpoint: Endpoint
  readonly trips = { reads: 0, writes: 0, statements: 0 }

  constructor(env: Env, world: World) { this.endpoint = { url: env.LIBSQL_URL, token: env.LIBSQL_TOKEN, fetch: world.fetch } }

  /** One round trip, one snapshot. */
  async read<const T extends readonly [Query, ...Query[]]>(queries: T): Promise<BatchResponse<[...T]>> {
    this.trips.reads++
    return await this.run(queries as unknown as [Query, ...Query[]], 'deferred') as BatchResponse<[...T]>
  }

  /** One round trip, all or nothing. */
  async write(queries: [Query, ...Query[]]): Promise<unknown[]> {
    this.trips.writes++
    return this.run(queries, 'write')
  }

  private async run(queries: [Query, ...Query[]], mode: 'deferred' | 'write'): Promise<unknown[]> {
    this.trips.statements += queries.length
    // Of the SQL written out by hand nobody but the database knows what its columns are called.
    const answers = async (statements: Parameters<typeof execute>[1]) => (await execute(this.endpoint, statements, mode))
      .map((r, i) => (queries[i] instanceof SQLiteRaw ? { rows: named(r) } : r))
    try {
      return await drizzle(() => { throw new Error('only batches are run') }, answers).batch(queries as never) as unknown[]
    } catch (e) {
      throw translate(e, mode === 'write')
    }
  }
}

const named = ({ columns, rows }: Result) => rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])))

/** `insert into guard` aborts the batch when the statement before it touched no row. */
export const guardQuery = (kind: string): Query => q.run(sql`insert into guard select ${kind}, changes()`)
/** A column with its table's name, for a subselect among a query's fields: there drizzle leaves the table out. */
export const full = (c: SQLiteColumn) => sql`${sql.identifier(getTableName(c.table))}.${sql.identifier(c.name)}`
export const run = (statement: SQL): Query => q.run(statement)

const uniques = new Map<string, (message: string) => Fault | Stale>()
/** Says what a broken unique index means in the domain: `table.column[, table.column]` as SQLite names it. `Stale`: try again, another choice will do. */
export function onDuplicate(columns: string, fault: () => Fault | Stale) { uniques.set(columns, fault) }

function translate(e: unknown, wrote: boolean): unknown {
  // Asked to write and not answered: it may have happened.
  if (e instanceof Unreachable) return gone(e.message, wrote)
  if (!(e instanceof SqlFailure)) return e
  const { message, code } = e
  const guarded = /guard:([a-z-]+)/.exec(message)
  if (guarded) return new Stale(guarded[1])
  const unique = /UNIQUE constraint failed: (?:index '([^']+)'|([\w., ]+))/.exec(message)
  if (unique) {
    const known = uniques.get(unique[1] ?? unique[2].trim())
    return known ? known(message) : conflict(`A record with the same ${(unique[1] ?? unique[2]).trim()} already exists.`, { type: 'Duplicate' })
  }
  if (/FOREIGN KEY constraint failed/.test(message)) return new Stale('reference')
  if (/SQLITE_BUSY|database is locked/.test(`${code} ${message}`)) return new Stale('busy')
  // The store itself: a full disk, a stream that ended, a server on its way out.
  if (/^(SQLITE_(IOERR|FULL|CANTOPEN|NOTADB|PROTOCOL|READONLY)|STREAM_|SHUTTING_DOWN|TRANSACTION_)/.test(code)) return gone(message)
  return e
}

const gone = (why: string, unknown = false) => {
  console.warn(JSON.stringify({ level: 'warn', what: 'database unreachable', why }))
  return unavailable(`The database cannot be reached at the moment; ${unknown ? 'whether the change was made is not known, so look before trying again' : 'nothing was changed; try again shortly'}.`, { retryAfter: 1 })
}
