import type { Static, TSchema } from 'typebox'
import type { Ctx } from './ctx.ts'

export type Params = Record<string, string>
export interface Input<B = any> {
  params: Params
  query: URLSearchParams
  body: B
  request: Request
  url: URL
}

/** An answer whose JSON is written already. */
export class Written {
  readonly json: string
  constructor(json: string) { this.json = json }
}

/** An endpoint as data: what documents, policies, tests and the router read. Types are erased here on purpose. */
export interface Endpoint {
  /** `compute.servers.create`: OpenAPI operationId, metric label, audit action, coverage key. */
  id: string
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'COPY' | 'OPTIONS'
  /** Below the service's version prefix, with `{name}` for values. */
  path: string
  status: number
  summary: string
  /** A rule of the service, or `public`. */
  policy: string
  /** Below a whole service root rather than its version prefix. */
  atRoot?: boolean
  /** Of several endpoints on one method and path, the one whose body has this only key (`os-stop`). */
  key?: string
  /** First and last microversion that has it. */
  since?: string
  until?: string
  /** First version → schema: the next key closes the one before. */
  body?: Record<string, TSchema>
  /** A body may be left out. */
  bodyOptional?: boolean
  query?: TSchema
  /** The body is not JSON and not read: `request.body` streams. */
  raw?: boolean
  handle: (ctx: Ctx, input: Input) => unknown
}

export interface Declaration<R extends string, S extends Record<string, TSchema>> extends Omit<Endpoint, 'policy' | 'body' | 'handle'> {
  policy: R | 'public'
  body?: S
  handle: (ctx: Ctx, input: Input<Static<S[keyof S]>>) => unknown
}
