import { and, eq, isNull } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { stack, stackResource } from '../../schema/orchestration.ts'
import { awsFault } from '../aws/faults.ts'
import { shape } from '../aws/front.ts'
import { readText } from '../kernel/body.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { openRow } from '../orchestration/engine/sealed.ts'
import { signalResource } from '../orchestration/signals/signal.ts'
import { rowOfArn } from '../orchestration/signals/arn.ts'
import { goodSignature } from '../orchestration/signals/url.ts'
import type { Json } from '../orchestration/template/index.ts'
import { findStack, validation } from './find.ts'
import { action, cloudformation } from './service.ts'
import { logicalId, stackName } from './shapes.ts'
import { statusOf } from './view.ts'

const refused = () => awsFault('AccessDenied', 'This address is not, or no longer, one by which a resource is signalled.')
const LIMIT = 16_384

/** The holder of an address says how it went: as JSON whatever the header says, since agents in guests send none. */
async function heard(ctx: Ctx, name: string, request: Request, url: URL): Promise<Response> {
  const at = rowOfArn(name)
  if (!at || !await goodSignature(ctx, at.project, at.stack, at.row, url.searchParams)) throw refused()
  const text = await readText(request, LIMIT)
  let details: Json = null
  try { details = text ? JSON.parse(text) as Json : null } catch { throw validation('The body of a signal is JSON.') }
  const [[s], [row]] = await ctx.read(q.select().from(stack).where(and(eq(stack.id, at.stack), eq(stack.project, at.project), isNull(stack.deletedAt))), q.select().from(stackResource).where(and(eq(stackResource.id, at.row), eq(stackResource.stack, at.stack))))
  if (!s || !row) throw refused()
  await signalResource(ctx, s, openRow(ctx, row), details)
  return new Response('', { status: 200, headers: { 'content-type': 'text/plain' } })
}
const endpoint = (id: string, method: 'PUT' | 'POST', path: string, summary: string): Endpoint => cloudformation.endpoint({
  id, method, path, status: 200, policy: 'public', summary, raw: true, handle: (ctx, { params, request, url }) => heard(ctx, params.arn, request, url),
})
export const addresses = [
  endpoint('waitcondition.signal', 'PUT', '/waitcondition/{arn}', 'Signal a wait condition by its presigned address'), endpoint('waitcondition.post', 'POST', '/waitcondition/{arn}', 'The same, for clients that post'),
  endpoint('signal.signal', 'POST', '/signal/{arn}', 'Signal a resource by its presigned address'), endpoint('signal.put', 'PUT', '/signal/{arn}', 'The same, for clients that put'),
]

export const signal = action('SignalResource', {
  policy: 'cloudformation:SignalResource', summary: 'Tell a resource how it went', input: shape({ StackName: stackName, LogicalResourceId: logicalId, UniqueId: t.String({ minLength: 1, maxLength: 64 }), Status: t.Enum(['SUCCESS', 'FAILURE']) }),
  async handle(ctx, i) {
    const s = await findStack(ctx, i.StackName), [[row]] = await ctx.read(q.select().from(stackResource).where(and(eq(stackResource.stack, s.id), eq(stackResource.name, i.LogicalResourceId), eq(stackResource.current, true))))
    if (!row) throw validation(`Resource ${i.LogicalResourceId} does not exist for stack ${s.name}`)
    if (row.status !== 'IN_PROGRESS' && s.status !== 'IN_PROGRESS') throw validation(`Stack:${s.name} is in ${statusOf(s)} state and can not be signaled`)
    const reason = i.Status === 'SUCCESS' ? 'Received SUCCESS signal' : 'Received FAILURE signal'
    await signalResource(ctx, s, openRow(ctx, row), row.type.startsWith('OS::') ? { id: i.UniqueId, status: i.Status, reason, data: '' } : { UniqueId: i.UniqueId, Status: i.Status, Reason: `${reason} with UniqueId ${i.UniqueId}`, Data: '' })
  },
})
