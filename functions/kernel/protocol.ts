import type { App } from './app.ts'
import type { Basis, Ctx } from './ctx.ts'
import type { Endpoint } from './endpoint.ts'
import type { Fault } from './fault.ts'
import type { Caller } from './policy.ts'
import type { Service } from './service.ts'

/** What a request in another protocol asks for: the action it names, and its text. */
export interface Heard { key: string; text: string; params: [string, string][]; json?: unknown }
export interface About { requestId: string; version: number }

/**
 * How a service speaks that does not speak JSON over paths and methods: all of its actions are endpoints of one path, told
 * apart by `key`. Everything else (rules, schemas, units of work, documents) is as everywhere.
 */
export interface Protocol {
  /** The media type of requests, for documents. */
  media: string
  /** Reads the request whole, up to so many bytes. */
  hear(request: Request, url: URL, limit: number): Promise<Heard>
  /** Who asks; throws when the request proves nobody. `along` is staged with whatever the request changes. */
  caller(app: App, s: Service, basis: Omit<Basis, 'caller' | 'action'>, request: Request, url: URL, path: string, heard: Heard): Promise<{ caller: Caller; along?: (ctx: Ctx) => void }>
  /** There is no such action. */
  unknown(heard: Heard): Fault
  /** The values an action's shape makes of what was heard. */
  body(endpoint: Endpoint, heard: Heard): unknown
  /** A success. */
  answer(out: unknown, endpoint: Endpoint, about: About, headers: Headers): Response
}
