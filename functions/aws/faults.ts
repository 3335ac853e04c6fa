import { Fault, type FaultDetail, type Kind } from '../kernel/fault.ts'

/** AWS's names of failures that every service has, with the status each is known by. What a service adds it lists itself. */
const common: Record<string, [status: number, kind: Kind]> = {
  AccessDenied: [403, 'forbidden'], AuthFailure: [401, 'unauthorized'], IncompleteSignature: [400, 'unauthorized'], InternalFailure: [500, 'unavailable'],
  InvalidAction: [400, 'invalid'], InvalidClientTokenId: [403, 'unauthorized'], InvalidParameterCombination: [400, 'invalid'], InvalidParameterValue: [400, 'invalid'],
  MalformedQueryString: [404, 'invalid'], MissingAction: [400, 'invalid'], MissingAuthenticationToken: [403, 'unauthorized'], MissingParameter: [400, 'invalid'],
  OptInRequired: [403, 'forbidden'], RequestExpired: [400, 'unauthorized'], SignatureDoesNotMatch: [403, 'unauthorized'], ServiceUnavailable: [503, 'unavailable'],
  Throttling: [400, 'unavailable'], ValidationError: [400, 'invalid'], RequestEntityTooLarge: [413, 'tooLarge'],
  UnknownOperationException: [400, 'invalid'], SerializationException: [400, 'invalid'],
}

/** A failure whose type is a name of AWS's. */
export class AwsFault extends Fault {}
/** A failure by its AWS name. */
export function awsFault(code: string, message: string, detail: FaultDetail = {}): Fault {
  const [status, kind] = common[code] ?? [400, 'invalid']
  return new AwsFault(kind, message, { type: code, status, ...detail })
}

export interface Codes {
  /** Names this front gives to kinds of failure that come from verbs, which know nothing of AWS. */
  kinds?: Partial<Record<Kind, string>>
  /** Status of names of this service's own. */
  statuses?: Record<string, number>
  /** Every AWS name that is thrown is one of this service's: where there are hundreds of them. */
  any?: boolean
}

const byKind: Record<Kind, string> = {
  invalid: 'ValidationError', notFound: 'ValidationError', conflict: 'ValidationError', overQuota: 'LimitExceeded', forbidden: 'AccessDenied', unauthorized: 'InvalidClientTokenId',
  unavailable: 'ServiceUnavailable', unsupported: 'ValidationError', tooLarge: 'RequestEntityTooLarge', method: 'InvalidAction', version: 'ValidationError', precondition: 'ValidationError', media: 'ValidationError',
}

/** The name and status a failure has in a front; types that verbs give for other fronts' sake are not AWS names and do not show. */
export function named(f: Fault, status: number, codes: Codes): { code: string; status: number; sender: boolean } {
  const { type } = f.detail
  const known = type !== undefined && (type in common || type in (codes.statuses ?? {}) || (codes.any && f instanceof AwsFault))
  const code = status >= 500 && f.kind === 'unavailable' && status !== 503 ? 'InternalFailure' : known ? type : codes.kinds?.[f.kind] ?? byKind[f.kind]
  const own = codes.statuses?.[code] ?? common[code]?.[0] ?? (status < 500 ? 400 : status)
  return { code, status: own, sender: own < 500 }
}
