import type { Sealed } from '../../../schema/kernel.ts'
import type { stackTemplate } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import * as secrets from '../../kernel/secrets.ts'
import type { Output, ResourceRow, StackRow, StoredResource } from './record.ts'

/**
 * What a stack resolved may hold a secret anywhere: a key that was made, a password put into a text, what a nested stack was
 * given. So all of it is sealed at rest, about the row it stands in, and opened where it is used.
 */
const PURPOSE = 'stack'
export const shut = <T>(ctx: Pick<Ctx, 'env' | 'world'>, about: string, value: T): Sealed<T> => secrets.shut(ctx, PURPOSE, about, value)
export const open = <T>(ctx: Pick<Ctx, 'env'>, about: string, text: Sealed<T>): T => secrets.open(ctx, PURPOSE, about, text)

const SEALED = ['metadata', 'data', 'attributes'] as const
/** A row as it is worked with: each sealed part is opened when it is first asked for. */
export function openRow(ctx: Pick<Ctx, 'env'>, stored: StoredResource): ResourceRow {
  const row = { ...stored } as unknown as ResourceRow
  for (const key of SEALED) {
    const put = (value: unknown) => { Object.defineProperty(row, key, { value, writable: true, enumerable: true, configurable: true }); return value }
    Object.defineProperty(row, key, { get: () => put(open(ctx, stored.id, stored[key])), set: put, enumerable: true, configurable: true })
  }
  return row
}
export const openRows = (ctx: Pick<Ctx, 'env'>, rows: StoredResource[]) => rows.map((r) => openRow(ctx, r))
/** Those parts of a row that are to be written. */
export function shutRow(ctx: Pick<Ctx, 'env' | 'world'>, id: string, set: ResourceRow): StoredResource
export function shutRow(ctx: Pick<Ctx, 'env' | 'world'>, id: string, set: Partial<ResourceRow>): Partial<StoredResource>
export function shutRow(ctx: Pick<Ctx, 'env' | 'world'>, id: string, set: Partial<ResourceRow>): Partial<StoredResource> {
  return { ...set, ...Object.fromEntries(SEALED.flatMap((k) => (set[k] === undefined ? [] : [[k, shut(ctx, id, set[k])]]))) } as Partial<StoredResource>
}

export type StoredTemplate = typeof stackTemplate.$inferSelect
export const openTemplate = (ctx: Pick<Ctx, 'env'>, t: StoredTemplate) => ({ ...t, body: textOf(ctx, t), files: open(ctx, t.id, t.files), environment: open(ctx, t.id, t.environment), given: open(ctx, t.id, t.given) })
export type TemplateRow = ReturnType<typeof openTemplate>
/** The text of a template stood readable once. */
const textOf = (ctx: Pick<Ctx, 'env'>, t: Pick<StoredTemplate, 'id' | 'body'>) => (t.body.startsWith('v1:') ? open(ctx, t.id, t.body) : t.body as string)

export const shutOutputs = (ctx: Pick<Ctx, 'env' | 'world'>, stack: string, outputs: Output[]): StackRow['outputs'] => outputs.map((o) => ({ ...o, value: secrets.seal(ctx.env, ctx.world, PURPOSE, stack, JSON.stringify(o.value ?? null)) as Sealed<unknown> }))
export const openOutput = (ctx: Pick<Ctx, 'env'>, stack: string, o: StackRow['outputs'][number]): Output => ({ ...o, value: openValue(ctx, stack, o.value) })
export const openOutputs = (ctx: Pick<Ctx, 'env'>, s: Pick<StackRow, 'id' | 'outputs'>): Output[] => s.outputs.map((o) => openOutput(ctx, s.id, o))
/** Values stood as they are once: those of then were read with their list. */
export const openValue = (ctx: Pick<Ctx, 'env'>, stack: string, v: Sealed<unknown> | undefined): unknown => (typeof v === 'string' && v.startsWith('v1:') ? open(ctx, stack, v) : v ?? null)
