import { and, eq, gt, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { ssmParameter as table } from '../../schema/ssm.ts'
import { awsFault } from '../aws/faults.ts'
import { shape } from '../aws/front.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { newestOnly, parameterArn, parametersQuery, pick, putParameter, removeParameters, reveal, selected, unknownParameter, type Parameter } from './parameters.ts'
import { action, ssm } from './service.ts'

const name = t.String({ minLength: 1, maxLength: 2048 }), names = t.Array(name, { minItems: 1, maxItems: 10 }), flag = t.Optional(t.Boolean()), token = t.Optional(t.String({ maxLength: 3000 }))
const view = async (ctx: Ctx, p: Parameter, decrypted: boolean | undefined, selector?: string) => ({
  Name: p.name, Type: p.type, Value: p.type === 'SecureString' && !decrypted ? p.value : await reveal(ctx, p), Version: p.version, Selector: selector, LastModifiedDate: Math.floor(p.at / 1000) / 1000, ARN: parameterArn(ctx, p.name), DataType: p.dataType,
})
const bad = (message: string, code = 'ValidationException') => awsFault(code, message, { status: 400 })
const levels = (path: string) => path.replace(/\/+$/, '')

/** A page of the newest versions in order of their names. */
async function page(ctx: Ctx, where: ReturnType<typeof and>, size: number, from: string | undefined) {
  const [rows] = await ctx.read(q.select().from(table).where(and(eq(table.project, ctx.project), newestOnly, where, from ? gt(table.name, from) : undefined)).orderBy(table.name).limit(size + 1))
  return { rows: rows.slice(0, size), next: rows.length > size ? rows[size - 1].name : undefined }
}

/** Named values of a project: as much of the parameter store as templates and deployment tools use. */
export default ssm.serve([
  action('PutParameter', {
    policy: 'ssm:PutParameter', summary: 'Set a parameter',
    input: shape({
      Name: name, Value: t.String(), Type: t.Optional(t.Union([t.Literal('String'), t.Literal('StringList'), t.Literal('SecureString')])), Description: t.Optional(t.String({ maxLength: 1024 })), Overwrite: flag,
      DataType: t.Optional(t.String({ maxLength: 128 })), Tier: t.Optional(t.Union([t.Literal('Standard'), t.Literal('Advanced'), t.Literal('Intelligent-Tiering')])),
      AllowedPattern: t.Optional(t.String({ maxLength: 1024 })), KeyId: t.Optional(t.String({ maxLength: 256 })), Policies: t.Optional(t.String({ maxLength: 4096 })),
      Tags: t.Optional(t.Array(shape({ Key: t.String({ minLength: 1, maxLength: 128 }), Value: t.String({ maxLength: 256 }) }), { maxItems: 50 })),
    }),
    async handle(ctx, i) {
      if (i.AllowedPattern) throw bad('AllowedPattern is not supported here: an expression is not run over values on the server.')
      if (i.KeyId && i.KeyId !== 'alias/aws/ssm') throw bad('There are no keys to choose from: secure strings are encrypted with this cloud\'s own.', 'InvalidKeyId')
      if (i.Policies) throw bad('Parameter policies are not supported.')
      if (i.Tags && i.Overwrite) throw bad('Invalid request: tags and overwrite can\'t be used together.')
      const [before] = await ctx.read(parametersQuery(ctx.project, [i.Name]))
      const row = await putParameter(ctx, { name: i.Name, value: i.Value, type: i.Type, description: i.Description, overwrite: i.Overwrite, dataType: i.DataType, tier: i.Tier, tags: i.Tags && Object.fromEntries(i.Tags.map((x) => [x.Key, x.Value])) }, before)
      return { Version: row.version, Tier: row.tier }
    },
  }),
  action('GetParameter', {
    policy: 'ssm:GetParameter', summary: 'Read a parameter', input: shape({ Name: name, WithDecryption: flag }),
    async handle(ctx, i) {
      const [rows] = await ctx.read(parametersQuery(ctx.project, [i.Name])), row = pick(rows, i.Name), { version, selector } = selected(i.Name)
      if (!row && version && rows.length) throw bad(`Systems Manager could not find version ${version} of ${i.Name}.`, 'ParameterVersionNotFound')
      if (!row) throw unknownParameter(i.Name)
      return { Parameter: await view(ctx, row, i.WithDecryption, selector) }
    },
  }),
  action('GetParameters', {
    policy: 'ssm:GetParameters', summary: 'Read parameters', input: shape({ Names: names, WithDecryption: flag }),
    async handle(ctx, i) {
      const [rows] = await ctx.read(parametersQuery(ctx.project, i.Names)), found = i.Names.flatMap((n) => { const row = pick(rows, n); return row ? [{ n, row }] : [] })
      return { Parameters: await Promise.all(found.map(({ n, row }) => view(ctx, row, i.WithDecryption, selected(n).selector))), InvalidParameters: i.Names.filter((n) => !found.some((f) => f.n === n)) }
    },
  }),
  action('GetParametersByPath', {
    policy: 'ssm:GetParametersByPath', summary: 'Read the parameters below a path', input: shape({ Path: name, Recursive: flag, WithDecryption: flag, MaxResults: t.Optional(t.Integer({ minimum: 1, maximum: 10 })), NextToken: token, ParameterFilters: t.Optional(t.Array(t.Unknown(), { maxItems: 0 })) }),
    async handle(ctx, i) {
      if (!i.Path.startsWith('/')) throw bad('The parameter path must begin with a slash.')
      const at = `${levels(i.Path)}/`
      const { rows, next } = await page(ctx, and(sql`substr(${table.name}, 1, ${at.length}) = ${at}`, i.Recursive ? undefined : sql`instr(substr(${table.name}, ${at.length + 1}), '/') = 0`), i.MaxResults ?? 10, i.NextToken)
      return { Parameters: await Promise.all(rows.map((r) => view(ctx, r, i.WithDecryption))), NextToken: next }
    },
  }),
  action('DescribeParameters', {
    policy: 'ssm:DescribeParameters', summary: 'List parameters', input: shape({ MaxResults: t.Optional(t.Integer({ minimum: 1, maximum: 50 })), NextToken: token, Shared: flag,
      ParameterFilters: t.Optional(t.Array(shape({ Key: t.String(), Option: t.Optional(t.String()), Values: t.Optional(t.Array(t.String({ maxLength: 1024 }), { maxItems: 50 })) }), { maxItems: 5 })) }),
    async handle(ctx, i) {
      const filters = (i.ParameterFilters ?? []).map(({ Key, Option, Values = [] }) => {
        if (Key === 'Name') { const begins = Option === 'BeginsWith'; return sql`(${sql.join([sql`0`, ...Values.map((v) => (begins ? sql`substr(${table.name}, 1, ${v.length}) = ${v}` : Option === 'Contains' ? sql`instr(${table.name}, ${v})` : sql`${table.name} = ${v}`))], sql` or `)})` }
        if (Key === 'Type') return sql`${table.type} in (select value from json_each(${JSON.stringify(Values)}))`
        throw bad(`'${Key.slice(0, 40)}' is not a filter here: use Name or Type.`, 'InvalidFilterKey')
      })
      const { rows, next } = await page(ctx, and(...filters), i.MaxResults ?? 50, i.NextToken)
      return { NextToken: next, Parameters: rows.map((p) => ({ Name: p.name, ARN: parameterArn(ctx, p.name), Type: p.type, LastModifiedDate: Math.floor(p.at / 1000) / 1000, LastModifiedUser: p.user, Description: p.description ?? undefined, Version: p.version, Tier: p.tier, Policies: [], DataType: p.dataType })) }
    },
  }),
  action('DeleteParameter', {
    policy: 'ssm:DeleteParameter', summary: 'Delete a parameter', input: shape({ Name: name }),
    async handle(ctx, i) {
      const [rows] = await ctx.read(parametersQuery(ctx.project, [i.Name]))
      if (!rows.length) throw unknownParameter(i.Name)
      removeParameters(ctx, [i.Name])
    },
  }),
  action('DeleteParameters', {
    policy: 'ssm:DeleteParameters', summary: 'Delete parameters', input: shape({ Names: names }),
    async handle(ctx, i) {
      const [rows] = await ctx.read(parametersQuery(ctx.project, i.Names)), there = i.Names.filter((n) => rows.some((r) => r.name === n))
      if (there.length) removeParameters(ctx, there)
      return { DeletedParameters: there, InvalidParameters: i.Names.filter((n) => !there.includes(n)) }
    },
  }),
])
