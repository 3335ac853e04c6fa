import { list, live, number, oneOf, range, resourceType, text, type Progress, type Work } from '../../provider.ts'

const EACH = ['CREATE', 'DELETE', 'UPDATE', 'SUSPEND', 'RESUME', 'CHECK', 'SNAPSHOT', 'RESTORE', 'ADOPT']
function pause(r: Work, action: string): Progress {
  const p = r.properties
  if (!p.actions.includes(action)) return { id: r.resource.physicalId ?? r.uniqueName() }
  const [a, b] = r.ctx.world.random(2), seconds = p.min_wait + p.max_jitter * p.jitter_multiplier * ((a * 256 + b) / 65536)
  if (seconds <= 0) return { id: r.resource.physicalId ?? r.uniqueName() }
  return { id: r.resource.physicalId ?? r.uniqueName(), data: { until: r.ctx.now() + Math.round(seconds * 1_000_000) }, wait: { seconds } }
}
const left = (r: Work) => ((r.resource.data.until ?? 0) - r.ctx.now()) / 1_000_000
const waitOn = (r: Work): Progress => (left(r) > 0 ? { wait: { seconds: left(r) } } : {})

export default resourceType({
  name: 'OS::Heat::Delay', description: 'Waits a while.', support: { status: 'SUPPORTED', version: '11.0.0' },
  properties: { min_wait: number({ default: 0, ...live, ...range(0) }), max_jitter: number({ default: 0, ...live, ...range(0) }), jitter_multiplier: number({ default: 1, ...live, ...range(0) }), actions: list(text(oneOf(...EACH)), { default: ['CREATE'], ...live }) },
  attributes: {},
  create: (r) => pause(r, 'CREATE'), update: (r) => pause(r, 'UPDATE'), suspend: (r) => pause(r, 'SUSPEND'), resume: (r) => pause(r, 'RESUME'), ready: waitOn,
  remove(r) { if (!r.begun) { const p = pause(r, 'DELETE'); return p.wait ? p : undefined } const p = waitOn(r); return p.wait ? p : undefined },
})
