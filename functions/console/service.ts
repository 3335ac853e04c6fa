import { service } from '../kernel/service.ts'

/** Screens and serial lines of servers, for people: where the addresses lead that the compute service gives away. Refusals are empty: whoever asks for a WebSocket reads no words. */
export const consoles = service<never>({
  name: 'console', type: 'console', mount: '/console', prefixes: [''], rules: {}, versions: () => undefined,
  render: (f, status) => ({ type: 'text/plain', body: status === 503 ? f.message : '' }),
})
export const { endpoint } = consoles
