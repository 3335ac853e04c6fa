import { invalid, unavailable } from '../../../../kernel/fault.ts'
import type { Json } from '../../../template/index.ts'
import { listed } from '../../../../kernel/outside.ts'
import { waitUrl } from '../../../signals/arn.ts'
import { integer, live, range, resourceType, text, type Progress, type Work } from '../../provider.ts'

/**
 * Somebody else makes the resource: they are asked over HTTP, and answer at the address in the request, in the form
 * CloudFormation's custom resources have. Whom templates may have called says the operator (CUSTOM_RESOURCES: the beginnings
 * of addresses, separated by commas): otherwise a template could reach whatever the control plane can.
 */
interface Answer { Status: string; Reason?: string; PhysicalResourceId?: string; RequestId?: string; Data?: Record<string, Json> }
const LIMIT = 3600

function allowed(r: Work): URL {
  let url: URL
  try { url = new URL(r.properties.ServiceToken) } catch { throw invalid(`Invalid service token: '${String(r.properties.ServiceToken).slice(0, 200)}' is not an http or https address.`) }
  const fits = listed(r.ctx.env.CUSTOM_RESOURCES, url)
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || !fits) throw invalid(`Invalid service token: custom resources may not be asked of ${url.origin}. The operator allows addresses in CUSTOM_RESOURCES.`)
  return url
}

/** Says what is wanted. Twice, should the first time not be known to have worked: the request's id is the same. */
async function ask(r: Work, kind: 'Create' | 'Update' | 'Delete', id: string, old?: Record<string, unknown>) {
  const { ServiceToken, ServiceTimeout: _, ...given } = r.properties, url = allowed(r)
  const body = {
    RequestType: kind, ResponseURL: await waitUrl(r.ctx, { ...r.stack, createdAt: 0 }, r.resource), StackId: `arn:aws:cloudformation:${r.ctx.env.REGION ?? 'RegionOne'}:${r.stack.project}:stack/${r.stack.name}/${r.stack.id}`, RequestId: id,
    ResourceType: r.resource.type, LogicalResourceId: r.resource.name, ...(kind === 'Create' ? {} : { PhysicalResourceId: r.resource.physicalId }), ServiceToken, ResourceProperties: { ServiceToken, ...given }, ...(old ? { OldResourceProperties: old } : {}),
  }
  const answer = await r.ctx.world.fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), redirect: 'manual', signal: AbortSignal.timeout(10_000) }).catch((e: unknown) => { throw unavailable(`${url.origin} cannot be reached: ${e instanceof Error ? e.name : 'no answer'}`) })
  await answer.body?.cancel()
  if (answer.status >= 300) throw invalid(`${url.origin} answered ${answer.status} when it was asked for a custom resource.`)
}

const begin = (r: Work, kind: string): Progress => ({ data: { ...r.resource.data, kind, request: r.ctx.uuid(), sent: false, answer: null, until: r.ctx.now() + Math.min(LIMIT, r.properties.ServiceTimeout ?? LIMIT) * 1_000_000 }, again: true })
const waiting = (r: Work): { seconds: number } => {
  const left = (r.resource.data.until - r.ctx.now()) / 1_000_000
  if (left <= 0) throw invalid('CloudFormation did not receive a response from your Custom Resource in time.')
  return { seconds: Math.min(30, left) }
}
async function goOn(r: Work): Promise<Progress> {
  const { data } = r.resource, answer = data.answer as Answer | null
  if (!data.sent) { waiting(r); await ask(r, data.kind, data.request, data.old); return { data: { ...data, sent: true, old: undefined }, wait: waiting(r) } }
  if (!answer) return { data, wait: waiting(r) }
  if (answer.Status !== 'SUCCESS') throw invalid(`Received response status [FAILED] from custom resource. Message returned: ${answer.Reason ?? 'none'}`)
  return { id: answer.PhysicalResourceId ?? r.resource.physicalId ?? r.uniqueName(), data: { ...data, values: answer.Data ?? {}, answer: null, made: true }, shown: answer.Data ?? {} }
}

export default resourceType({
  name: 'AWS::CloudFormation::CustomResource', description: 'A resource that somebody else makes, asked over HTTP.', support: { status: 'SUPPORTED' },
  properties: { ServiceToken: text({ required: true }), ServiceTimeout: integer({ ...live, ...range(1, LIMIT) }), '*': { type: 'any', ...live } },
  attributes: { '*': { own: true, of: ((_: unknown, r: { resource: { data: { values?: Record<string, unknown> } } }, name: string) => r.resource.data.values?.[name]) as never } },
  create(r) { allowed(r); return begin(r, 'Create') },
  ready: goOn,
  update: (r, { before }) => { const p = begin(r, 'Update'); const { ServiceToken, ...old } = before; return { ...p, data: { ...p.data, old: { ServiceToken, ...old } } } },
  show: (r) => r.resource.data.values ?? {},
  async remove(r) {
    const { data } = r.resource
    if (!data.made && !data.sent) return
    if (data.kind !== 'Delete') { const p = begin(r, 'Delete'); return { again: true, data: p.data } }
    const p = await goOn(r)
    if (p.wait) return { wait: p.wait, data: p.data }
  },
  signal(r, details) {
    const a = details as unknown as Answer | null, { data } = r.resource
    if (!a || typeof a !== 'object' || !['SUCCESS', 'FAILED'].includes(a.Status)) throw invalid('A response has a Status of SUCCESS or FAILED.')
    if (a.RequestId !== data.request) throw invalid('The response is to another request.')
    if (typeof (a.PhysicalResourceId ?? '') !== 'string' || (a.PhysicalResourceId ?? '').length > 1024) throw invalid('PhysicalResourceId is text of at most 1024 characters.')
    return { data: { ...data, answer: { Status: a.Status, Reason: a.Reason?.slice(0, 1000), PhysicalResourceId: a.PhysicalResourceId || undefined, Data: a.Data && typeof a.Data === 'object' ? a.Data : undefined } }, says: `Received ${a.Status}` }
  },
})
