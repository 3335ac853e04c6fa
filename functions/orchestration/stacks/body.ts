import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { invalid } from '../../kernel/fault.ts'
import { readOutside } from '../../kernel/outside.ts'
import type { Json } from '../template/index.ts'
import type { Source } from '../engine/program.ts'
import type { Options } from './verbs.ts'

const any = t.Optional(t.Unknown()), flag = t.Optional(t.Union([t.Boolean(), t.String(), t.Null()]))
const closed = { additionalProperties: false } as const
const base = {
  template: any, template_url: any, environment: any, environment_files: t.Optional(t.Union([t.Array(t.String()), t.Null()])), files: t.Optional(t.Union([t.Record(t.String(), t.String()), t.Null()])), files_container: t.Optional(t.Union([t.String(), t.Null()])), parameters: t.Optional(t.Union([t.Record(t.String(), t.Unknown()), t.Null()])),
  timeout_mins: t.Optional(t.Union([t.Integer(), t.String(), t.Null()])), disable_rollback: flag, tags: t.Optional(t.Union([t.String(), t.Null()])), converge: flag,
}
export const createBody = { '1': t.Object({ stack_name: t.Optional(t.Union([t.String(), t.Null()])), adopt_stack_data: any, ...base }, closed) }
export const updateBody = { '1': t.Object({ ...base, clear_parameters: t.Optional(t.Union([t.Array(t.String()), t.Null()])), stack_name: any, stack_id: any }, closed) }

export const validateBody = { '1': t.Object({ ...base, show_nested: flag, ignore_errors: any, stack_name: any }, closed) }

type Body = Record<string, any>
export const truth = (v: unknown, name: string): boolean | undefined => {
  if (v === undefined || v === null) return undefined
  if (typeof v === 'boolean') return v
  if (/^(true|1|t|yes|y|on)$/i.test(String(v))) return true
  if (/^(false|0|f|no|n|off)$/i.test(String(v))) return false
  throw invalid(`Unrecognized value "${String(v)}" for "${name}", acceptable values are: true, false`)
}

/** Templates and environments come as text or already read. Several environment files are laid one over the other. */
export async function sourceOf(ctx: Ctx, b: Body): Promise<Omit<Source, 'body'> & { body?: Source['body'] }> {
  if (b.files_container) throw invalid('files_container is not supported: give files with the request.')
  if (b.template_url !== undefined && b.template_url !== null && (b.template === undefined || b.template === null)) b = { ...b, template: await readOutside(ctx, String(b.template_url), 'template_url', 524_288) }
  const { environments } = await import('../engine/merge.ts')
  return { body: b.template ?? undefined, files: b.files ?? {}, environment: environments(b.environment, b.template ? b.environment_files ?? [] : [], b.files ?? {}, b.template), given: (b.parameters ?? {}) as Record<string, Json> }
}

export function optionsOf(b: Body, creating: boolean): Options {
  const o: Options = {}
  if (b.timeout_mins !== undefined && b.timeout_mins !== null) {
    const n = Number(b.timeout_mins)
    if (!Number.isInteger(n) || n < 0 || n > 1440) throw invalid(`Only integer values between 0 and 1440 are taken for timeout_mins, not ${b.timeout_mins}.`)
    if (n > 0) o.timeout = n
  }
  const keep = truth(b.disable_rollback, 'disable_rollback')
  if (keep !== undefined || creating) o.onFailure = keep ?? true ? 'keep' : 'rollback'
  if (b.tags !== undefined && b.tags !== null) {
    o.tags = String(b.tags).split(',')
    for (const tag of o.tags) {
      if (!tag.length) throw invalid('Invalid tag, "" is not allowed', { type: 'HTTPBadRequest' })
      if (tag.length > 80) throw invalid(`Invalid tag, "${tag.slice(0, 90)}" is longer than 80 characters`, { type: 'HTTPBadRequest' })
    }
  } else if (!creating && b.tags === null) o.tags = []
  return o
}
