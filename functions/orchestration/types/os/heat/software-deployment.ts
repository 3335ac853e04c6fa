import { eq } from 'drizzle-orm'
import { softwareConfig, softwareDeployment } from '../../../../../schema/orchestration.ts'
import { q } from '../../../../kernel/db.ts'
import { Fault, invalid, notFound } from '../../../../kernel/fault.ts'
import { newConfig, openConfig, openDeployment, shutConfig, shutDeployment, type Config, type Deployment } from '../../../software/model.ts'
import { shut } from '../../../engine/sealed.ts'
import type { Json } from '../../../template/index.ts'
import { list, live, map, oneOf, resourceType, text, type Progress, type ResourceType, type Work } from '../../provider.ts'

export const ACTIONS = ['CREATE', 'UPDATE', 'DELETE', 'SUSPEND', 'RESUME'], TRANSPORTS = ['CFN_SIGNAL', 'TEMP_URL_SIGNAL', 'HEAT_SIGNAL', 'NO_SIGNAL', 'ZAQAR_SIGNAL']
/** How long a delete waits for a guest that may never answer, s. */
const PATIENCE = 120
type Fill = (config: Json, inputs: Record<string, unknown>, r: Work) => Json

/** The config with this deployment's inputs in it, as agents get it. */
async function derived(r: Work, action: string, fill: Fill): Promise<Config> {
  const p = r.properties, [[stored]] = p.config ? await r.ctx.read(q.select().from(softwareConfig).where(eq(softwareConfig.id, p.config))) : [[]], source = stored && openConfig(r.ctx, stored)
  if (p.config && (!source || source.project !== r.stack.project)) throw notFound('Software config', p.config, `Software config with id ${p.config} not found`, { type: 'NotFound' })
  const given = { ...p.input_values } as Record<string, unknown>, declared = (source?.inputs ?? []).map((i) => { const { [i.name as string]: v = i.default, ...rest } = { ...given }; void rest; delete given[i.name as string]; return { ...i, value: v ?? null } })
  const own = (name: string, value: unknown, description: string) => ({ name, value, type: 'String', description }), transport = p.signal_transport as string
  const inputs = [...declared, ...Object.entries(given).map(([name, value]) => ({ name, value, type: 'String' })),
    own('deploy_server_id', p.server, 'ID of the server being deployed to'), own('deploy_action', action, 'Name of the current action being deployed'), own('deploy_stack_id', `${r.stack.name}/${r.stack.id}`, 'ID of the stack this deployment belongs to'), own('deploy_resource_name', r.resource.name, 'Name of this deployment resource in the stack'),
    own('deploy_signal_transport', transport === 'NO_SIGNAL' ? transport : transport === 'TEMP_URL_SIGNAL' ? transport : 'CFN_SIGNAL', 'How the server should signal to heat with the deployment output values.'),
    ...(transport === 'NO_SIGNAL' ? [] : [own('deploy_signal_id', await r.signalUrl(), 'ID of signal to use for signaling output values'), own('deploy_signal_verb', transport === 'TEMP_URL_SIGNAL' ? 'PUT' : 'POST', 'HTTP verb to use for signaling output values')])]
  const values = Object.fromEntries(inputs.map((i) => [(i as unknown as { name: string }).name, (i as { value: unknown }).value])), whole = source ? source.config : ''
  const ours = source?.group === 'component' ? ((whole as any).configs ?? []).find((c: any) => c.actions.includes(action)) : undefined
  return { ...newConfig(r.ctx, r.stack.project, { name: p.name ?? r.uniqueName(), group: ours?.tool ?? source?.group ?? 'Heat::Ungrouped', config: fill(ours ? ours.config ?? '' : whole, values, r), options: source?.options }), inputs: inputs as Record<string, unknown>[], outputs: source?.outputs ?? [] }
}

async function rowOf(r: Work): Promise<Deployment> {
  const [[row]] = await r.ctx.read(q.select().from(softwareDeployment).where(eq(softwareDeployment.id, r.resource.physicalId ?? '')))
  if (!row) throw notFound('Deployment', r.resource.physicalId ?? '', `Deployment with id ${r.resource.physicalId} not found`, { type: 'NotFound' })
  return openDeployment(r.ctx, row)
}
const WAIT = { wait: { seconds: 30 } } as const

/** Puts work before the agents of the server, or, when this action is none of theirs, nothing. */
async function deploy(r: Work, action: string, fill: Fill): Promise<Progress> {
  const active = (r.properties.actions as string[]).includes(action), silent = r.properties.signal_transport === 'NO_SIGNAL', now = r.ctx.now(), have = r.resource.physicalId ? await rowOf(r) : undefined
  if (!active && have) return { shown: have }
  const config = await derived(r, action, fill), pending = active && !silent
  r.ctx.stage(q.insert(softwareConfig).values(shutConfig(r.ctx, config)))
  const set = { config: config.id, action, status: pending ? 'IN_PROGRESS' : 'COMPLETE', reason: pending ? 'Deploy data available' : silent ? 'Not waiting for outputs signal' : 'Not required', inputs: r.properties.input_values ?? {} }
  if (have) { r.ctx.stage(q.update(softwareDeployment).set(shutDeployment(r.ctx, have.id, { ...set, updatedAt: now })).where(eq(softwareDeployment.id, have.id)), 'stale'); r.ctx.stage(q.delete(softwareConfig).where(eq(softwareConfig.id, have.config))) }
  const row: Deployment = have ? { ...have, ...set } : { id: r.ctx.uuid(), project: r.stack.project, server: r.properties.server, outputs: null, createdAt: now, updatedAt: null, ...set }
  if (!have) r.ctx.stage(q.insert(softwareDeployment).values(shutDeployment(r.ctx, row.id, row)))
  return { id: row.id, data: r.resource.data, ...(pending ? WAIT : { shown: row }) }
}
async function ready(r: Work): Promise<Progress> {
  const row = await rowOf(r)
  if (row.status === 'IN_PROGRESS') return WAIT
  if (row.status === 'FAILED') throw invalid(`Deployment to server failed: ${row.reason}`, { type: 'Error' })
  return { shown: row }
}
/** What an agent says when it is done. */
async function signal(r: Work, details: Json): Promise<Progress & { says?: string }> {
  const row = await rowOf(r)
  if (row.status !== 'IN_PROGRESS') return { says: 'deployment is not in progress' }
  const d = (details && typeof details === 'object' && !Array.isArray(details) ? details : {}) as Record<string, Json>, out: Record<string, unknown> = { ...row.outputs }, wrong: string[] = []
  const [[config]] = await r.ctx.read(q.select().from(softwareConfig).where(eq(softwareConfig.id, row.config))), code = d.deploy_status_code
  if (code !== undefined && code !== null && String(code) !== '0') wrong.push(`deploy_status_code : Deployment exited with non-zero status code: ${String(code)}`)
  for (const o of config?.outputs ?? []) { const name = o.name as string; if (Object.hasOwn(d, name)) { out[name] = d[name]; if (o.error_output && d[name]) wrong.push(`${name} : ${typeof d[name] === 'string' ? d[name] : JSON.stringify(d[name])}`) } }
  for (const k of ['deploy_stdout', 'deploy_stderr', 'deploy_status_code']) out[k] = d[k] ?? null
  r.ctx.stage(q.update(softwareDeployment).set({ outputs: shut<Record<string, unknown> | null>(r.ctx, row.id, out), status: wrong.length ? 'FAILED' : 'COMPLETE', reason: wrong.length ? wrong.join(', ') : 'Outputs received', updatedAt: r.ctx.now() }).where(eq(softwareDeployment.id, row.id)), 'stale')
  return { says: wrong.length ? `deployment ${row.id} failed${code && String(code) !== '0' ? ` (${String(code)})` : ''}` : `deployment ${row.id} succeeded` }
}

export const deploymentType = (name: string, description: string, more: ResourceType['properties'], fill: Fill): ResourceType => resourceType({
  name, description, support: { status: 'SUPPORTED', version: '2014.1' },
  properties: {
    config: text(live), server: text({ required: true }), input_values: map(undefined, live), actions: list(text(oneOf(...ACTIONS)), { default: ['CREATE', 'UPDATE'], ...live }), name: text(live), signal_transport: text({ default: 'CFN_SIGNAL', ...oneOf(...TRANSPORTS) }), ...more,
  },
  attributes: Object.fromEntries(['deploy_stdout', 'deploy_stderr', 'deploy_status_code'].map((k) => [k, { type: 'String' as const, of: (s: Deployment) => s.outputs?.[k] ?? null }]).concat([['*', { of: ((s: Deployment, _r: unknown, k: string) => s.outputs?.[k]) as never } as never]])),
  create: (r) => deploy(r, 'CREATE', fill), update: (r) => deploy(r, 'UPDATE', fill), suspend: (r) => deploy(r, 'SUSPEND', fill), resume: (r) => deploy(r, 'RESUME', fill), check: () => ({}), ready, signal, show: rowOf,
  async remove(r) {
    if (!r.resource.physicalId) return
    let row: Deployment
    try { row = await rowOf(r) } catch (e) { if (e instanceof Fault && e.kind === 'notFound') return; throw e }
    const over = () => { r.ctx.stage(q.delete(softwareDeployment).where(eq(softwareDeployment.id, row.id))); r.ctx.stage(q.delete(softwareConfig).where(eq(softwareConfig.id, row.config))) }
    if (!(r.properties.actions as string[] | undefined)?.includes('DELETE') || r.properties.signal_transport === 'NO_SIGNAL') return over()
    if (!r.begun) {
      // A guest that does not run answers nothing.
      const runs = await r.call({ service: 'compute', method: 'GET', path: `/servers/${row.server}` }).then((x) => x.server.status === 'ACTIVE', () => false)
      if (!runs) return over()
      await deploy(r, 'DELETE', fill)
      return { wait: { seconds: 5 }, data: { ...r.resource.data, until: r.ctx.now() + PATIENCE * 1_000_000 } }
    }
    if (row.status === 'IN_PROGRESS' && r.ctx.now() < (r.resource.data.until ?? 0)) return { wait: { seconds: 5 } }
    over()
  },
})
export default deploymentType('OS::Heat::SoftwareDeployment', 'A config on its way to a server, and what came of it.', {}, (config) => config)
