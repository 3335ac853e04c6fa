import { and, eq } from 'drizzle-orm'
import { stackResource } from '../../../../../schema/orchestration.ts'
import { q } from '../../../../kernel/db.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { open } from '../../../engine/sealed.ts'
import { rowOfUrl } from '../../../signals/arn.ts'
import { judge } from '../../os/heat/wait-condition.ts'
import type { Signal } from '../../os/heat/wait-condition-handle.ts'
import { integer, live, range, resourceType, text, type Work } from '../../provider.ts'

/** What was heard at the handle's address; a handle of another stack is none. */
async function heard(r: Work): Promise<Record<string, Signal>> {
  const at = rowOfUrl(r.properties.Handle)
  const [[row]] = at && at.stack === r.stack.id ? await r.ctx.read(q.select({ id: stackResource.id, data: stackResource.data }).from(stackResource).where(and(eq(stackResource.id, at.row), eq(stackResource.stack, r.stack.id)))) : [[]]
  if (!row) throw invalid('WaitCondition invalid Handle: it has to be a reference to an AWS::CloudFormation::WaitConditionHandle of this stack.')
  return (open(r.ctx, row.id, row.data).signals ?? {}) as Record<string, Signal>
}
const seconds = (r: Work) => r.ctx.now() + r.properties.Timeout * 1_000_000
const look = async (r: Work, until: number) => judge(r, await heard(r), r.properties.Count, until)

export default resourceType({
  name: 'AWS::CloudFormation::WaitCondition', description: 'Waits for signals.', support: { status: 'SUPPORTED' },
  properties: { Handle: text({ required: true }), Timeout: integer({ required: true, ...range(1, 43200) }), Count: integer({ default: 1, ...range(1, 1000), ...live }) },
  attributes: { Data: { type: 'String', of: (s) => JSON.stringify(Object.fromEntries(Object.entries(s.signals as Record<string, Signal>).map(([k, v]) => [k, v.data ?? '']))) } },
  create: (r) => look(r, seconds(r)),
  ready: (r) => look(r, r.resource.data.until),
  update: (r) => look(r, seconds(r)),
  show: async (r) => ({ signals: await heard(r) }),
  check: () => ({}),
})
