import { Fault } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'

/** Certificates of signed tokens, as they were long ago: clients that still ask are told, in the way they know. */
export const certificates = (['ca', 'certificates'] as const).map((what) => endpoint({
  id: `simple_cert.${what}`, method: 'GET', path: `/OS-SIMPLE-CERT/${what}`, status: 200, policy: 'identity:list_services', summary: 'Certificates of a token format that is not in use any more',
  handle() { throw new Fault('notFound', 'PKI tokens are not in use: there are no certificates of them.', { status: 410 }) },
}))
