/** Failures are kinds, not numbers: each service's front turns a kind into its own status, words and body. */
export type Kind =
  | 'invalid' | 'notFound' | 'conflict' | 'overQuota' | 'forbidden' | 'unauthorized' | 'unavailable' | 'unsupported'
  | 'tooLarge' | 'method' | 'version' | 'precondition' | 'media'

export interface FaultDetail {
  /** The kind of thing it is about, as users call it: `server`, `network`. */
  noun?: string
  id?: string
  /** A name of the failure that a front may use, `NetworkInUse` for one. */
  type?: string
  /** For 503: seconds after which trying again makes sense. */
  retryAfter?: number
  headers?: Record<string, string>
  /** A status this one failure is known by, where an API departs from its own table. */
  status?: number
}

export class Fault extends Error {
  readonly kind: Kind
  readonly detail: FaultDetail
  constructor(kind: Kind, message: string, detail: FaultDetail = {}) {
    super(message)
    this.kind = kind
    this.detail = detail
  }
}

const make = (kind: Kind) => (message: string, detail?: FaultDetail) => new Fault(kind, message, detail)
export const invalid = make('invalid')
export const conflict = make('conflict')
export const overQuota = make('overQuota')
export const forbidden = make('forbidden')
export const unauthorized = make('unauthorized')
export const unavailable = make('unavailable')
export const unsupported = make('unsupported')
export const tooLarge = make('tooLarge')
export const precondition = make('precondition')
export const notFound = (noun: string, id: string, message?: string, detail?: FaultDetail) =>
  new Fault('notFound', message ?? `${noun[0].toUpperCase()}${noun.slice(1)} ${id} could not be found.`, { noun, id, ...detail })

/** The world moved between read and commit: the kernel runs the handler again, and answers 409 when that does not help. */
export class Stale extends Error {
  readonly guard: string
  constructor(guard: string) {
    super(`guard:${guard}`)
    this.guard = guard
  }
}

export const statusOf: Record<Kind, number> = {
  invalid: 400, notFound: 404, conflict: 409, overQuota: 403, forbidden: 403, unauthorized: 401, unavailable: 503, unsupported: 501,
  tooLarge: 413, method: 405, version: 406, precondition: 412, media: 415,
}
