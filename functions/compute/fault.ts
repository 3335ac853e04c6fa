import type { Fault } from '../kernel/fault.ts'

const names: Record<number, string> = {
  400: 'badRequest', 403: 'forbidden', 404: 'itemNotFound', 405: 'badMethod', 409: 'conflictingRequest', 413: 'overLimit', 415: 'badMediaType',
  429: 'overLimit', 501: 'notImplemented', 503: 'serviceUnavailable',
}
const page = '<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  The resource could not be found.<br /><br />\n </body>\n</html>'

/** A failure as nova words it: one member, named after the status. */
export function render(f: Fault, status: number): { body: unknown; type?: string } {
  if (f.detail.type === 'HTTPNotFound') return { type: 'text/html; charset=UTF-8', body: page }
  return { body: { [names[status] ?? 'computeFault']: { code: status, message: f.message, ...(status === 413 && f.detail.retryAfter ? { retryAfter: String(f.detail.retryAfter) } : {}) } } }
}
