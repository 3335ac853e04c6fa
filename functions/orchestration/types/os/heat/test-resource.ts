import { conflict } from '../../../../kernel/fault.ts'
import { boolean, live, map, number, resourceType, text, type Progress, type Work } from '../../provider.ts'

/** Waits as long as it is told, by a time it wrote down. */
const pause = (r: Work, seconds: number, more: Progress = {}): Progress =>
  (seconds > 0 ? { ...more, data: { ...more.data, until: r.ctx.now() + seconds * 1_000_000 }, wait: { seconds } } : more)
const secondsOf = (r: Work, action: string) => Number(r.properties.action_wait_secs?.[action] ?? r.properties.wait_secs ?? 0)
const value = (r: Work, of: string | null) => ({ value: of, fails: r.properties.fail })

export default resourceType({
  name: 'OS::Heat::TestResource', description: 'Does nothing but what tests ask for: wait, fail, be replaced.', support: { status: 'SUPPORTED', version: '5.0.0' },
  properties: {
    value: text({ default: 'test_string', ...live }), fail: boolean({ default: false, ...live }), update_replace: boolean({ default: false, ...live }), update_replace_value: text({ default: '' }),
    wait_secs: number({ default: 0, ...live }), action_wait_secs: map({ create: number(live), update: number(live), delete: number(live) }, live),
    attr_wait_secs: number({ default: 0, ...live }), constraint_prop_secs: number({ default: 0, ...live }), client_name: text({ default: '', ...live }), entity_name: text({ default: '', ...live }),
  },
  attributes: { output: { type: 'String', own: true, of: (_, r) => r.resource.data.value ?? null } },
  create(r) { return outcome(r, { id: r.uniqueName(), data: value(r, r.properties.value) }, secondsOf(r, 'create')) },
  update(r, { after, changed }) {
    if (changed.includes('value') && after.update_replace) return 'replace'
    return outcome(r, { data: value(r, after.value) }, secondsOf(r, 'update'))
  },
  ready(r) {
    const left = (r.resource.data.until ?? 0) - r.ctx.now()
    if (left > 0) return { wait: { seconds: left / 1_000_000 } }
    return outcome(r, { data: { ...r.resource.data, until: undefined } }, 0)
  },
  remove(r) {
    const seconds = secondsOf(r, 'delete')
    if (!r.begun && seconds > 0) return { wait: { seconds }, data: { ...r.resource.data, until: r.ctx.now() + seconds * 1_000_000 } }
    const left = (r.resource.data.until ?? 0) - r.ctx.now()
    if (r.begun && left > 0) return { wait: { seconds: left / 1_000_000 } }
  },
})

function outcome(r: Work, p: Progress, seconds: number): Progress {
  if (seconds > 0) return pause(r, seconds, p)
  if (p.data?.fails) throw conflict(`Test Resource failed ${r.resource.name}`)
  return p
}
