import { createClient, LibsqlError, type Client } from '@libsql/client/http'
import { drizzle } from 'drizzle-orm/libsql/http'
import { getTableName, sql, type SQL } from 'drizzle-orm'
import type { BatchItem, BatchResponse } from 'drizzle-orm/batch'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import type { Env, World } from './env.ts'
import { conflict, Fault, Stale, unavailable } from './fault.ts'

export type Query = BatchItem<'sqlite'>

/** Builds statements; runs none. Execution belongs to a request's own `Database`. */
export const q = drizzle.mock()

/**
 * One request's connection to the database. Never shared: in workerd a client's promises belong to one request.
 * The version probe the client would send first is answered here, which saves a round trip per request.
 */
export class Database {
  private readonly client: Client
  readonly trips = { reads: 0, writes: 0, statements: 0 }

  constructor(env: Env, world: World) {
    const probe = /\/v[23](-protobuf)?$/
    this.client = createClient({
      url: env.LIBSQL_URL, authToken: env.LIBSQL_TOKEN, intMode: 'number',
      fetch: (input: Request) => {
        const url = input.url
        if (probe.test(url)) return Promise.resolve(new Response('', { status: url.endsWith('/v2') ? 200 : 404 }))
        return world.fetch(input)
      },
    })
  }

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
    const client = this.client
    const bound = drizzle({ client: {
      batch: (statements: Parameters<Client['batch']>[0]) => statements.length === 1 && mode === 'deferred'
        ? client.execute(statements[0] as never).then((r) => [r])
        : client.batch(statements, mode),
    } as Client })
    try {
      return await bound.batch(queries as never) as unknown[]
    } catch (e) {
      throw translate(e)
    }
  }
}

/** `insert into guard` aborts the batch when the statement before it touched no row. */
export const guardQuery = (kind: string): Query => q.run(sql`insert into guard select ${kind}, changes()`)
/** A column with its table's name, for a subselect among a query's fields: there drizzle leaves the table out. */
export const full = (c: SQLiteColumn) => sql`${sql.identifier(getTableName(c.table))}.${sql.identifier(c.name)}`
export const run = (statement: SQL): Query => q.run(statement)

const uniques = new Map<string, (message: string) => Fault | Stale>()
/** Says what a broken unique index means in the domain: `table.column[, table.column]` as SQLite names it. `Stale`: try again, another choice will do. */
export function onDuplicate(columns: string, fault: () => Fault | Stale) { uniques.set(columns, fault) }

function translate(e: unknown): unknown {
  const cause = e instanceof LibsqlError ? e : (e as { cause?: unknown })?.cause
  const message = cause instanceof Error ? cause.message : String(e)
  const guarded = /guard:([a-z-]+)/.exec(message)
  if (guarded) return new Stale(guarded[1])
  const unique = /UNIQUE constraint failed: (?:index '([^']+)'|([\w., ]+))/.exec(message)
  if (unique) {
    const known = uniques.get(unique[1] ?? unique[2].trim())
    return known ? known(message) : conflict(`A record with the same ${(unique[1] ?? unique[2]).trim()} already exists.`, { type: 'Duplicate' })
  }
  if (/FOREIGN KEY constraint failed/.test(message)) return new Stale('reference')
  if (/SQLITE_BUSY|database is locked/.test(message)) return new Stale('busy')
  if (cause instanceof LibsqlError && /^(SERVER_ERROR|HRANA_|UNKNOWN)/.test(cause.code) && !/SQLITE|SQL/.test(message)) return gone(message)
  if (e instanceof TypeError || /fetch failed|Network connection lost|internal error|ECONNREFUSED/i.test(message)) return gone(message)
  return e
}

const gone = (why: string) => {
  console.warn(JSON.stringify({ level: 'warn', what: 'database unreachable', why }))
  return unavailable('The database cannot be reached at the moment; nothing was changed. Try again shortly.', { retryAfter: 1 })
}
