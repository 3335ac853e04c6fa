import { Type as t } from 'typebox'
import { invalid, notFound } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'

/**
 * What other drivers do and Linux bridges do not: logs of security groups, and local addresses that each host answers
 * itself. The API says so as it does where a driver lacks them: nothing can be logged, no local address can be made.
 */
const any = t.Object({}, { additionalProperties: true })
const body = (name: string) => ({ '2.0': t.Object({ [name]: any }, { additionalProperties: false }) })
const noLog = (id: string) => notFound('log', id, `Log ${id} could not be found.`, { type: 'LogResourceNotFound' })
const noLocal = (id: string) => notFound('local ip', id, `Local IP ${id} could not be found.`, { type: 'LocalIPNotFound' })
const cannot = () => invalid('Invalid input for operation: Local IPs are not supported by the mechanism driver of this cloud.', { type: 'InvalidInput' })

export const absent = [
  endpoint({ id: 'loggable_resources.list', method: 'GET', path: '/log/loggable-resources', status: 200, policy: 'get_log', summary: 'Kinds of things that can be logged: none', handle: () => ({ loggable_resources: [] }) }),
  endpoint({ id: 'logs.list', method: 'GET', path: '/log/logs', status: 200, policy: 'get_log', summary: 'Logs of security groups', handle: () => ({ logs: [] }) }),
  endpoint({ id: 'logs.create', method: 'POST', path: '/log/logs', status: 201, policy: 'create_log', summary: 'Log a resource', body: body('log'), handle: (_ctx, { body }) => { throw invalid(`Invalid log resource_type: ${String((body.log as Record<string, unknown>).resource_type).slice(0, 64)}.`, { type: 'InvalidLogResourceType' }) } }),
  ...(['GET', 'PUT', 'DELETE'] as const).map((method) => endpoint({ id: `logs.${method.toLowerCase()}`, method, path: '/log/logs/{id}', status: method === 'DELETE' ? 204 : 200, policy: 'get_log', summary: 'A log', ...(method === 'PUT' ? { body: body('log') } : {}), handle: (_ctx, { params }) => { throw noLog(params.id) } })),
  endpoint({ id: 'local_ips.list', method: 'GET', path: '/local_ips', status: 200, policy: 'get_local_ip', summary: 'Addresses that each host answers itself', handle: () => ({ local_ips: [] }) }),
  endpoint({ id: 'local_ips.create', method: 'POST', path: '/local_ips', status: 201, policy: 'create_local_ip', summary: 'Make a local IP', body: body('local_ip'), handle: () => { throw cannot() } }),
  ...(['GET', 'PUT', 'DELETE'] as const).map((method) => endpoint({ id: `local_ips.${method.toLowerCase()}`, method, path: '/local_ips/{id}', status: method === 'DELETE' ? 204 : 200, policy: 'get_local_ip', summary: 'A local IP', ...(method === 'PUT' ? { body: body('local_ip') } : {}), handle: (_ctx, { params }) => { throw noLocal(params.id) } })),
  ...(['GET', 'POST'] as const).map((method) => endpoint({ id: `local_ips.associations.${method.toLowerCase()}`, method, path: '/local_ips/{id}/port_associations', status: method === 'POST' ? 201 : 200, policy: 'get_local_ip', summary: 'Ports that have a local IP', ...(method === 'POST' ? { body: body('port_association') } : {}), handle: (_ctx, { params }) => { throw noLocal(params.id) } })),
  endpoint({ id: 'local_ips.associations.delete', method: 'DELETE', path: '/local_ips/{id}/port_associations/{port}', status: 204, policy: 'get_local_ip', summary: 'Take a local IP from a port', handle: (_ctx, { params }) => { throw noLocal(params.id) } }),
]
