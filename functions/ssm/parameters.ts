import { and, eq, inArray, sql } from 'drizzle-orm'
import { ssmParameter as table } from '../../schema/ssm.ts'
import { arn } from '../aws/arn.ts'
import { awsFault } from '../aws/faults.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { onDuplicate, q } from '../kernel/db.ts'
import { Stale } from '../kernel/fault.ts'
import { seal, unseal } from '../kernel/secrets.ts'

onDuplicate('ssm_parameter.project, ssm_parameter.name, ssm_parameter.version', () => new Stale('ssm'))
export type Parameter = typeof table.$inferSelect
const fault = (code: string, message: string) => awsFault(code, message, { status: 400 })
export const unknownParameter = (name: string) => fault('ParameterNotFound', `Parameter ${name} not found.`)
/** So many versions of each are kept. */
const KEPT = 100

/** `name`, `name:3` or an ARN of one: what it is called, and which version. */
export function selected(text: string): { name: string; version?: number; selector?: string } {
  const named = /^arn:aws:ssm:[^:]*:[^:]*:parameter(\/.+)$/.exec(text)
  const plain = named ? named[1].replace(/^\/(?=[^/]+$)/, '') : text
  const m = /^(.*?):(\d{1,9})$/.exec(plain)
  return m ? { name: m[1], version: Number(m[2]), selector: `:${m[2]}` } : { name: plain }
}

const newest = sql`${table.version} = (select max(p.version) from ssm_parameter p where p.project = ${table.project} and p.name = ${table.name})`
/** The newest of each of these names, and all versions where one is asked for. */
export const parametersQuery = (project: string, names: string[]) => {
  const asked = names.map(selected)
  return q.select().from(table).where(and(eq(table.project, project), inArray(table.name, asked.map((a) => a.name)), asked.some((a) => a.version) ? undefined : newest)).orderBy(table.name, table.version)
}
export const newestOnly = newest
export const pick = (rows: Parameter[], text: string) => {
  const { name, version } = selected(text), mine = rows.filter((r) => r.name === name)
  return version ? mine.find((r) => r.version === version) : mine.at(-1)
}

export async function reveal(ctx: Ctx, row: Parameter): Promise<string> {
  if (row.type !== 'SecureString') return row.value
  const open = await unseal(ctx.env, 'ssm', `${row.project} ${row.name}`, row.value)
  if (open === undefined) throw new Error('a parameter cannot be opened with any of the secrets in MASTER_SECRET')
  return open
}

export interface NewParameter { name: string; value: string; type?: Parameter['type']; description?: string; overwrite?: boolean; dataType?: string; tier?: string; tags?: Record<string, string> }

/** `before`: what `parametersQuery` found by this name. */
export async function putParameter(ctx: Ctx, p: NewParameter, before: Parameter[]): Promise<Parameter> {
  if (!/^[a-zA-Z0-9_.\-/]{1,1011}$/.test(p.name) || p.name.includes('//') || (p.name.includes('/') && !p.name.startsWith('/'))) throw fault('ValidationException', `Parameter name must be a fully qualified name: letters, digits and any of .-_/, with a leading slash where it has others: '${p.name.slice(0, 100)}'.`)
  if (/^\/?(aws|ssm)/i.test(p.name)) throw fault('ValidationException', 'Parameter name: can\'t be prefixed with "ssm" or "aws" (case-insensitive).')
  if (p.name.split('/').length > 16) throw fault('HierarchyLevelLimitExceededException', 'A parameter name has at most 15 levels.')
  const limit = p.tier === 'Advanced' ? 8192 : 4096
  if (!p.value || new TextEncoder().encode(p.value).length > limit) throw fault('ValidationException', `A value has between 1 and ${limit} bytes in the ${p.tier ?? 'Standard'} tier.`)
  const old = before.filter((r) => r.name === p.name).at(-1)
  if (old && !p.overwrite) throw fault('ParameterAlreadyExists', 'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.')
  if (!old && !p.type) throw fault('ValidationException', 'A parameter type is required when you create a parameter.')
  if (old && p.type && p.type !== old.type) throw fault('ValidationException', `A parameter's type cannot be changed: it is ${old.type}.`)
  const type = p.type ?? old!.type, project = ctx.project
  const row: Parameter = {
    project, name: p.name, version: (old?.version ?? 0) + 1, type, value: type === 'SecureString' ? await seal(ctx.env, ctx.world, 'ssm', `${project} ${p.name}`, p.value) : p.value,
    description: p.description ?? old?.description ?? null, pattern: null, dataType: p.dataType ?? old?.dataType ?? 'text', tier: p.tier === 'Advanced' ? 'Advanced' : old?.tier ?? 'Standard',
    tags: p.tags ?? old?.tags ?? {}, user: ctx.caller.user.id, at: ctx.now(),
  }
  ctx.stage(q.insert(table).values(row))
  if (row.version > KEPT) ctx.stage(q.delete(table).where(and(eq(table.project, project), eq(table.name, p.name), sql`${table.version} <= ${row.version - KEPT}`)))
  ctx.about(p.name)
  return row
}

export const removeParameters = (ctx: Ctx, names: string[]) => ctx.stage(q.delete(table).where(and(eq(table.project, ctx.project), inArray(table.name, names))))
export const parameterArn = (ctx: Ctx, name: string) => arn(ctx, 'ssm', `parameter${name.startsWith('/') ? '' : '/'}${name}`)
