import { admin, adminOrReader } from '../kernel/policy.ts'
import { service } from '../kernel/service.ts'

/** The queue's HTTP side: what bridges call (signed), and what operators do with hosts (token). */
export const hosts = service({
  name: 'hosts', type: 'hosts', mount: '/hosts', prefixes: [''],
  rules: { 'hosts:list': adminOrReader, 'hosts:manage': admin },
  render: (f, status) => ({ body: { error: { code: status, kind: f.kind, message: f.message } } }),
  versions: () => undefined,
  bodyLimit: 8_000_000,
})
export const { endpoint } = hosts
