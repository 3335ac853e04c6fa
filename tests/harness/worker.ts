// What the pool's worker exports: the Durable Objects that tests reach through their bindings.
export { Console } from '../../functions/console/meeting.ts'
export { Doorbell } from '../../functions/kernel/doorbell.ts'
export default { fetch: () => new Response(null, { status: 404 }) }
