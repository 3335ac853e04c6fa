import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import { saga } from '../../../schema/kernel.ts'
import { softwareDeployment, stack, stackResource, stackSnapshot, type Output } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { Fault } from '../../kernel/fault.ts'
import { standIn, type Delegation } from '../../identity/standin.ts'
import type { GraphRun, NewNode } from '../../kernel/saga.ts'
import { Evaluator, isKnown } from '../template/evaluate.ts'
import { TemplateFault } from '../template/fault.ts'
import { outside } from './outside.ts'
import { holds, mask, programOf, scopeOf, type Program } from './program.ts'
import { placeOf } from './place.ts'
import { applyNodes, removeNodes } from './plan.ts'
import { turnTo, type StackRow, type StoredResource } from './record.ts'
import { forgetSnapshots } from './remembered.ts'
import { openRow, shut, shutOutputs } from './sealed.ts'
import type { Turn } from './turn.saga.ts'

/** A phase is over: the next one, or the stack's rest. */
export async function ended(r: GraphRun<Turn>, why: string | undefined): Promise<{ nodes: NewNode[]; deadline?: number } | undefined> {
  const { ctx, args } = r
  const [[s], rows] = await ctx.read(q.select().from(stack).where(eq(stack.id, args.stack)), q.select().from(stackResource).where(eq(stackResource.stack, args.stack)))
  if (!s) return undefined
  const verb = args.action, said = why === undefined ? undefined : why === 'Timed out' ? `${title(verb)} timed out` : why.startsWith('Stack ') ? why : `Resource ${args.phase === 'delete' || args.phase === 'cleanup' ? 'DELETE' : verb === 'ADOPT' ? 'ADOPT' : verb} failed: ${why}`
  switch (args.phase) {
    case 'apply': {
      if (said !== undefined) return failed(ctx, args, s, rows, said)
      const program = await programOf(ctx, await placeOf(ctx, s), args.template!), leftover = gone(rows, program)
      if (!leftover.length) return rest(ctx, args, s, rows, program, 'COMPLETE', `Stack ${verb} completed successfully`)
      args.phase = 'cleanup'
      ctx.stage(q.update(stack).set({ cleaning: true }).where(eq(stack.id, s.id)))
      return { nodes: removeNodes(leftover) }
    }
    case 'cleanup': {
      const program = await programOf(ctx, await placeOf(ctx, s), args.template!)
      // AWS forgives what will not go: the update stands.
      if (said !== undefined && s.front === 'heat') return rest(ctx, args, s, rows, program, 'FAILED', said)
      return rest(ctx, args, s, rows, program, 'COMPLETE', `Stack ${verb} completed successfully`)
    }
    case 'rollback': {
      if (said !== undefined) return finish(ctx, args, s, rows, 'ROLLBACK', 'FAILED', said)
      if (!args.template) return rolledBack(ctx, args, s, rows)
      const leftover = gone(rows, await programOf(ctx, await placeOf(ctx, s), args.template))
      if (!leftover.length) return rolledBack(ctx, args, s, rows)
      args.phase = 'rollback-cleanup'
      ctx.stage(q.update(stack).set({ cleaning: true }).where(eq(stack.id, s.id)))
      return { nodes: removeNodes(leftover) }
    }
    case 'rollback-cleanup':
      if (said !== undefined && s.front === 'heat') return finish(ctx, args, s, rows, 'ROLLBACK', 'FAILED', said)
      return rolledBack(ctx, args, s, rows)
    case 'delete':
      if (said !== undefined) return finish(ctx, args, s, rows, 'DELETE', 'FAILED', said)
      turnTo(ctx, s, 'DELETE', 'COMPLETE', 'Stack DELETE completed successfully', { deletedAt: ctx.now(), updatedAt: ctx.now(), outputs: [], cleaning: false })
      ctx.stage(q.delete(stackResource).where(eq(stackResource.stack, s.id)))
      await forgetSnapshots(ctx, await standIn(ctx, s.delegation as Delegation), s.id)
      return undefined
    case 'act':
      if (args.snapshot && verb === 'SNAPSHOT') ctx.stage(q.update(stackSnapshot).set({ status: said === undefined ? 'COMPLETE' : 'FAILED', reason: said ?? 'Stack SNAPSHOT completed successfully' }).where(eq(stackSnapshot.id, args.snapshot)))
      return finish(ctx, args, s, rows, verb, said === undefined ? 'COMPLETE' : 'FAILED', said ?? `Stack ${verb} completed successfully`)
  }
}
const title = (w: string) => w[0] + w.slice(1).toLowerCase()

/** Rows that the template in force has no use for. */
const gone = (rows: StoredResource[], program: Program) => rows.filter((r) => !r.current || !program.graph.requires.has(r.name))

export async function failed(ctx: Ctx, args: Turn, s: StackRow, rows: StoredResource[], why: string) {
  args.why = why
  const back = !args.stay && args.onFailure !== 'keep' && (args.action === 'CREATE' || args.action === 'ADOPT' || (args.action === 'UPDATE' && (args.previous || args.empty)))
  if (!back) return rest(ctx, args, s, rows, args.template ? await programOf(ctx, await placeOf(ctx, s), args.template) : undefined, 'FAILED', why)
  const creating = args.action === 'CREATE' || args.action === 'ADOPT' || (args.empty === true && !args.previous)
  args.phase = 'rollback'
  args.template = creating ? null : args.previous
  turnTo(ctx, s, 'ROLLBACK', 'IN_PROGRESS', why, { origin: creating ? 'CREATE' : 'UPDATE', cleaning: false, updatedAt: ctx.now(), ...(creating ? {} : { template: args.previous }) })
  if (creating) return { nodes: removeNodes(rows), deadline: args.timeout }
  const before = await programOf(ctx, await placeOf(ctx, s), args.previous!)
  ctx.stage(q.update(stack).set({ parameters: shut(ctx, s.id, before.parameters.shown), description: before.template.description }).where(eq(stack.id, s.id)))
  return { nodes: applyNodes(before), deadline: args.timeout }
}

async function rolledBack(ctx: Ctx, args: Turn, s: StackRow, rows: StoredResource[]) {
  if (args.onFailure === 'delete' && s.origin === 'CREATE') {
    args.phase = 'delete'
    turnTo(ctx, s, 'DELETE', 'IN_PROGRESS', args.why ?? '', {})
    return { nodes: removeNodes(rows), deadline: args.timeout }
  }
  const program = args.template ? await programOf(ctx, await placeOf(ctx, s), args.template) : undefined
  return finish(ctx, args, s, rows, 'ROLLBACK', 'COMPLETE', 'Stack ROLLBACK completed successfully', { previous: null, outputs: program ? await outputs(ctx, s, program, rows) : [] })
}

async function rest(ctx: Ctx, args: Turn, s: StackRow, rows: StoredResource[], program: Program | undefined, status: 'COMPLETE' | 'FAILED', reason: string) {
  const done = status === 'COMPLETE'
  return finish(ctx, args, s, rows, args.action, status, reason, { ...(done ? { previous: null } : {}), outputs: program ? await outputs(ctx, s, program, rows) : [] })
}

function finish(ctx: Ctx, args: Turn, s: StackRow, rows: StoredResource[], action: StackRow['action'], status: 'COMPLETE' | 'FAILED', reason: string, more: Partial<StackRow> = {}): undefined {
  turnTo(ctx, s, action, status, reason, { cleaning: false, ...(action === 'CREATE' && !s.updatedAt ? {} : { updatedAt: ctx.now() }), ...more })
  const open = rows.filter((r) => r.status === 'IN_PROGRESS').map((r) => r.id)
  if (status === 'FAILED' && open.length) ctx.stage(q.update(stackResource).set({ status: 'FAILED', reason: `${args.action} aborted`, updatedAt: ctx.now() }).where(and(inArray(stackResource.id, open), eq(stackResource.status, 'IN_PROGRESS'))))
  if (status === 'FAILED' && open.length) {
    // Those who were waited for are waited for no more, and stacks within stop too.
    ctx.stage(q.update(softwareDeployment).set({ status: 'FAILED', reason: 'Deployment cancelled.', updatedAt: ctx.now() }).where(and(eq(softwareDeployment.status, 'IN_PROGRESS'), inArray(softwareDeployment.id, rows.flatMap((r) => (r.status === 'IN_PROGRESS' && r.physicalId ? [r.physicalId] : []))))))
    ctx.stage(q.update(saga).set({ deadline: ctx.now() }).where(and(inArray(saga.state, ['open']), inArray(saga.lane, q.select({ id: stack.id }).from(stack).where(and(eq(stack.owner, s.id), eq(stack.status, 'IN_PROGRESS'), isNull(stack.deletedAt)))))))
  }
  if (more.previous === null) dropTemplates(ctx, s.id)
  return undefined
}

/** Templates that no stack, resource or snapshot goes by any more. */
const dropTemplates = (ctx: Ctx, id: string) => ctx.stage(q.run(sql`delete from stack_template where stack = ${id} and id not in (select template from stack where id = ${id} and template is not null)
  and id not in (select template from stack_snapshot where stack = ${id}) and id not in (select template from stack_resource where stack = ${id} and template is not null)`))

/** Each output by itself: one that cannot be had says why and keeps no other from being shown. */
export async function outputs(ctx: Ctx, s: StackRow, program: Program, rows: StoredResource[]): Promise<StackRow['outputs']> {
  const there = new Map(rows.filter((r) => r.current).map((r) => [r.name, openRow(ctx, r)])), scope = scopeOf(program, there, s.front === 'aws' ? outside(ctx, s) : {}), out: Output[] = []
  const hot = program.template.dialect.language === 'hot', section = hot ? 'outputs' : 'Outputs'
  for (const [name, o] of program.template.outputs) {
    if (!holds(o.condition, program.template, program.conditions, program.values, [section, name])) continue
    const entry: Output = { key: name, description: o.description ?? (hot ? 'No description given' : '') }
    try {
      const evaluator = new Evaluator(scope, true)
      for (;;) {
        const v = evaluator.some(o.value, [section, name])
        if (await evaluator.settle()) continue
        entry.value = isKnown(v) ? v : null
        break
      }
      if (o.export !== undefined) { const x = evaluator.some((o.export as { Name?: never })?.Name ?? o.export, [section, name]); if (typeof x === 'string') entry.export = x }
    } catch (e) {
      if (!(e instanceof Fault)) throw e
      entry.value = null
      entry.error = mask(program.secrets, e instanceof TemplateFault ? e.words : e.message)
    }
    out.push(entry)
  }
  return shutOutputs(ctx, s.id, out)
}
