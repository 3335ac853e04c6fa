import { Fault, invalid } from '../../../../kernel/fault.ts'
import { parse, TemplateFault, type Json } from '../../../template/index.ts'
import { boolean, integer, live, map, resourceType, text, type Progress, type Work } from '../../provider.ts'

const at = async (r: Work) => {
  const { stack } = await r.call({ service: 'orchestration', method: 'GET', path: `/stacks/${r.resource.physicalId}/${r.resource.physicalId}` })
  return stack
}
const act = async (r: Work, key: string): Promise<Progress> => { const s = await at(r); await r.call({ service: 'orchestration', method: 'POST', path: `/stacks/${s.stack_name}/${s.id}/actions`, body: { [key]: null } }); return { data: r.resource.data, wait: { lane: s.id } } }
/** This cloud is one region; a stack in another would need that cloud's address. */
function here(r: Work) {
  const c = r.properties.context, region = r.ctx.env.REGION ?? 'RegionOne'
  if (c?.credential_secret_id) throw invalid('Stacks in another cloud (credential_secret_id) are not supported.', { type: 'StackValidationFailed' })
  if (c?.region_name && c.region_name !== region) throw invalid(`Cannot establish connection to Heat endpoint at region "${c.region_name}" due to "publicURL endpoint for orchestration service in ${c.region_name} region not found"`, { type: 'StackValidationFailed' })
}
const own = { type: 'StackValidationFailed' }
const body = (r: Work) => ({ template: r.properties.template, parameters: r.properties.parameters, files: r.files ?? {}, timeout_mins: r.properties.timeout ?? undefined, disable_rollback: true })

export default resourceType({
  name: 'OS::Heat::Stack', description: 'A stack of its own.', support: { status: 'SUPPORTED' },
  properties: {
    context: map({ credential_secret_id: text(live), region_name: text(live), ca_cert: text(live), insecure: boolean({ default: false, ...live }) }, live), template: text({ required: true, ...live }), parameters: map(undefined, { default: {}, ...live }), timeout: integer(live),
  },
  attributes: { stack_name: { type: 'String' }, outputs: { type: 'Map', of: (s) => Object.fromEntries((s.outputs as { output_key: string; output_value: Json }[]).map((o) => [o.output_key, o.output_value])) } },
  validate(p, about) {
    if (typeof p.template !== 'string') return
    try { parse(p.template) } catch (e) { if (e instanceof Fault) throw invalid(`Failed validating stack template using Heat endpoint at region "${about.region ?? 'RegionOne'}" due to "ERROR: ${e instanceof TemplateFault ? e.words : e.message}"`, own); throw e }
    const region = (p.context as Record<string, unknown> | undefined)?.region_name
    if (typeof region === 'string' && about.region && region !== about.region) throw invalid(`Cannot establish connection to Heat endpoint at region "${region}" due to "publicURL endpoint for orchestration service in ${region} region not found"`, own)
  },
  async create(r) {
    here(r)
    const { stack } = await r.call({ service: 'orchestration', method: 'POST', path: '/stacks', body: { stack_name: r.uniqueName(), ...body(r) } })
    return { id: stack.id, wait: { lane: stack.id } }
  },
  async ready(r) {
    const s = await at(r), [, status] = /_(IN_PROGRESS|COMPLETE|FAILED)$/.exec(s.stack_status) ?? []
    if (status === 'IN_PROGRESS') return { wait: { lane: s.id } }
    if (status === 'FAILED') throw invalid(`Went to status ${s.stack_status} due to "${s.stack_status_reason}"`, { type: 'ResourceInError' })
    return { shown: s }
  },
  async update(r) {
    here(r)
    const s = await at(r)
    await r.call({ service: 'orchestration', method: 'PUT', path: `/stacks/${s.stack_name}/${s.id}`, body: body(r) })
    return { data: r.resource.data, wait: { lane: s.id } }
  },
  async remove(r) {
    if (!r.resource.physicalId) return
    const s = await at(r)
    if (s.stack_status === 'DELETE_COMPLETE') return
    if (r.begun && s.stack_status === 'DELETE_FAILED') throw invalid(`Went to status DELETE_FAILED due to "${s.stack_status_reason}"`, { type: 'ResourceInError' })
    if (!r.begun) await r.call({ service: 'orchestration', method: 'DELETE', path: `/stacks/${s.stack_name}/${s.id}` })
    return { wait: { lane: s.id } }
  },
  show: at,
  suspend: (r) => act(r, 'suspend'), resume: (r) => act(r, 'resume'), check: (r) => act(r, 'check'),
})
