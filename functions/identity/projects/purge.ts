import { desc, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { project } from '../../../schema/identity.ts'
import { saga, sagaNode } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { startGraph } from '../../kernel/graph.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { isoMicrosZ } from '../../kernel/view.ts'
import { moment } from '../applications/moment.ts'
import { endpoint } from '../service.ts'
import { found, mutable } from '../wire.ts'
import { belowIs, family } from './family.ts'
import { counts, kept, kinds, things, type Thing } from './owned.ts'
import type { Project } from './model.ts'
import purgeSaga, { nodesOf, type Purge } from './purge.saga.ts'
import { revoke } from '../revoke.ts'
import { one } from './verbs.ts'

const tally = (rows: { kind: string; n: number }[]) => Object.fromEntries(kinds.flatMap((k) => rows.filter((r) => r.kind === k.kind).map((r) => [r.kind, r.n])))

/** What a project has in every service, in the order it would have to go; with `items` each thing by id and name. Asked before a purge, and before a delete. */
export const inventory = endpoint({
  id: 'projects.inventory', method: 'GET', path: '/projects/{project}/inventory', status: 200, policy: 'identity:get_project_inventory', summary: 'List what a project owns, of every kind (an addition of this cloud)',
  async handle(ctx, { params, query }) {
    const id = params.project, each = query.has('items') ? kinds : []
    const [[row], rows, own, ...lists] = await ctx.read(one(id), q.all<{ kind: string; n: number }>(counts(id)), q.all<{ kind: string; n: number }>(kept(id)), ...each.map((k) => q.all<Thing>(things(k, id, null, 1000))))
    ctx.may('identity:get_project_inventory', { project: id, domain: row?.domain ?? row?.id })
    found(row, 'project', id)
    const items = each.flatMap((k, i) => ((lists as Thing[][])[i].length ? [[k.kind, (lists as Thing[][])[i].map((x) => ({ id: x.id, name: x.name, created_at: x.created === null ? null : isoMicrosZ(x.created) }))]] : []))
    return { inventory: { ...tally(rows), ...Object.fromEntries(own.map((r) => [r.kind, r.n])) }, ...(query.has('items') && { items: Object.fromEntries(items) }) }
  },
})

/** Disables the project (unless it stays), and starts to take down what it owns. */
export async function startPurge(ctx: Ctx, row: Project, of: { keep: boolean; before: number | null; found: Record<string, number>; domain: { id: string; name: string } }) {
  const { user } = ctx.caller
  if (!of.keep) {
    ctx.stage(q.update(project).set({ enabled: false }).where(eq(project.id, row.id)), 'stale')
    revoke(ctx, `p:${row.id}`)
  }
  ctx.about(row.id)
  const args: Purge = { project: { id: row.id, name: row.name, domain: of.domain }, by: user, keep: of.keep, before: of.before, found: of.found }
  return startGraph(ctx, purgeSaga, args, { lane: row.id, nodes: nodesOf(new Set(Object.keys(of.found))), deadline: purgeSaga.deadline, project: row.id })
}

export const purge = endpoint({
  id: 'projects.purge', method: 'POST', path: '/projects/{project}/purge', status: 202, policy: 'identity:purge_project', summary: 'Remove all that a project owns in every service, and the project with it unless it is to stay (an addition of this cloud)',
  body: { '3.0': t.Object({ purge: t.Object({ keep_project: t.Optional(t.Boolean()), created_before: t.Optional(t.String({ maxLength: 64 })) }, { additionalProperties: false }) }, { additionalProperties: false }) },
  async handle(ctx, { params, body }) {
    const id = params.project, { keep_project: keep = false, created_before: text } = body.purge, before = text === undefined ? null : moment('created_before', text)
    if (before !== null && !keep) throw invalid('created_before keeps what is newer: the project has to stay too (keep_project).')
    const [[row], rows, [domain], below] = await ctx.read(one(id), q.all<{ kind: string; n: number }>(counts(id, before)), q.select().from(project).where(eq(project.id, sql`(select domain_id from project where id = ${id})`)), family(belowIs(id)))
    ctx.may('identity:purge_project', { project: id, domain: row?.domain ?? row?.id })
    found(row, 'project', id)
    mutable('project', row)
    if (row.isDomain) throw invalid('A domain is purged project by project.')
    if (!keep && below.length) throw invalid(`Project ${id} has projects below it: purge those first, or keep it.`)
    const at = await startPurge(ctx, row, { keep, before, found: tally(rows), domain: { id: domain.id, name: domain.name } })
    ctx.headers.set('location', `${ctx.origin}/identity/v3/projects/${id}/purge`)
    return { purge: { id: at, project_id: id, status: 'running', found: tally(rows), remaining: tally(rows), keep_project: keep } }
  },
})

const STATUS: Record<string, string> = { open: 'running', unwinding: 'running', done: 'done', unwound: 'failed', superseded: 'stopped', stuck: 'failed' }
export const progress = endpoint({
  id: 'projects.purge.show', method: 'GET', path: '/projects/{project}/purge', status: 200, policy: 'identity:get_project_inventory', summary: 'How far the last purge of a project is',
  async handle(ctx, { params }) {
    const id = params.project, last = sql`${saga.project} = ${id} and ${saga.kind} = 'project.purge'`
    const [[row], [s], rows, nodes] = await ctx.read(one(id), q.select().from(saga).where(last).orderBy(desc(saga.createdAt)).limit(1), q.all<{ kind: string; n: number }>(counts(id)),
      q.select().from(sagaNode).where(inArray(sagaNode.saga, sql`(select id from saga where project = ${id} and kind = 'project.purge' order by created_at desc limit 1)`)))
    const args = s?.args as Purge | undefined
    ctx.may('identity:get_project_inventory', { project: id, domain: row?.domain ?? row?.id ?? args?.project.domain.id })
    if (!s || !args) throw found(row, 'project', id) && notFound('purge', id, `Project ${id} was not purged.`)
    const why = args.why ?? nodes.find((n) => n.why)?.why ?? undefined
    return { purge: {
      id: s.id, project_id: id, status: args.why && s.state === 'done' ? 'failed' : STATUS[s.state], found: args.found, remaining: tally(rows), keep_project: args.keep, ...(why && { why }),
      kinds: nodes.sort((a, b) => kinds.findIndex((k) => k.kind === a.kind) - kinds.findIndex((k) => k.kind === b.kind)).map((n) => ({ kind: n.kind, state: n.state === 'ready' || n.state === 'parked' ? 'running' : n.state })),
      requested_by: args.by.id, request_id: s.requestId, started_at: isoMicrosZ(s.createdAt), updated_at: isoMicrosZ(s.updatedAt),
    } }
  },
})
