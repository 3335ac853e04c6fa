// What the pool's worker exports: the Durable Object that tests reach through its binding.
export { Doorbell } from '../../functions/kernel/doorbell.ts'
export default { fetch: () => new Response(null, { status: 404 }) }
