import { and, eq } from 'drizzle-orm'
import { stack, stackTemplate } from '../../../../../schema/orchestration.ts'
import { q } from '../../../../kernel/db.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { storedText } from '../../../../cloudformation/template.ts'
import { open } from '../../../engine/sealed.ts'
import { integer, list, live, map, range, resourceType, text, type Work } from '../../provider.ts'
import { changeChild, life, makeChild, type Child } from '../../nested/child.ts'
import { inside } from '../inside.ts'
import { tags, unused } from '../ec2/pieces.ts'

/** The template below: of the files the stack came with, or from this cloud's own object store. */
async function child(r: Work): Promise<Child> {
  const { TemplateURL: url, Parameters: given, TimeoutInMinutes: timeout, NotificationARNs: notifications, Tags } = r.properties
  const [[row]] = await r.ctx.read(q.select({ id: stackTemplate.id, files: stackTemplate.files }).from(stackTemplate).innerJoin(stack, eq(stack.template, stackTemplate.id)).where(and(eq(stack.id, r.stack.id))))
  const files = row ? open(r.ctx, row.id, row.files) : {}, body = files[url] ?? (await storedText(inside(r), url, 'TemplateURL', 1_048_576))
  const texts = Object.fromEntries(Object.entries((given ?? {}) as Record<string, unknown>).map(([k, v]) => [k, Array.isArray(v) ? v.join(',') : v !== null && typeof v === 'object' ? JSON.stringify(v) : String(v)]))
  return { source: { body, files, given: texts }, timeout: timeout ?? undefined, front: r.stack.front, extra: { notifications: notifications ?? [], tags: Tags ?? [] } }
}

export default resourceType({
  name: 'AWS::CloudFormation::Stack', description: 'A stack within the stack.', support: { status: 'SUPPORTED' },
  properties: { TemplateURL: text({ required: true, ...live }), Parameters: map(undefined, live), TimeoutInMinutes: integer({ ...live, ...range(1, 1440) }), NotificationARNs: unused(list(text())), Tags: tags },
  attributes: { '*': { of: ((shown: any, _: unknown, name: string) => shown.outputs[name.replace(/^Outputs\./, '')]) as never }, Outputs: { type: 'Map', of: (s) => s.outputs } },
  validate(p) { if (typeof p.TemplateURL === 'string' && /^(file|ftp|data):/i.test(p.TemplateURL)) throw invalid('TemplateURL must be a supported URL.') },
  create: async (r) => makeChild(r, await child(r), (row) => `arn:aws:cloudformation:${r.ctx.env.REGION ?? 'RegionOne'}:${row.project}:stack/${row.name}/${row.id}`),
  update: async (r) => changeChild(r, await child(r)),
  ...life,
})
