import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { closed } from '../lists.ts'
import { endpoint } from '../service.ts'
import { specs } from './api.ts'
import { findType, inUse, noType, oneType, typeView, type TypeRow } from './model.ts'

const manage = 'volume_extension:types_manage' as const, read = 'volume_extension:access_types_extra_specs' as const
const path = '/types/{type}/extra_specs'
const save = (ctx: Ctx, row: TypeRow, extraSpecs: TypeRow['extraSpecs']) => ctx.stage(q.update(volumeType).set({ extraSpecs, updatedAt: ctx.now() }).where(eq(volumeType.id, row.id)), 'stale')
const shown = (ctx: Ctx, row: TypeRow) => (typeView(ctx)(row).extra_specs ?? {}) as Record<string, string>
const none = (row: TypeRow, key: string) => notFound('extra spec', key, `Volume Type ${row.id} has no extra specs with key ${key.slice(0, 255)}.`)

export default [
  endpoint({ id: 'types.extra-specs.list', method: 'GET', path, status: 200, policy: read, summary: 'List a type\'s extra specs', async handle(ctx, { params }) { return { extra_specs: shown(ctx, await findType(ctx, params.type)) } } }),
  endpoint({
    id: 'types.extra-specs.create', method: 'POST', path, status: 200, policy: manage, summary: 'Add extra specs to a type', body: { '3.0': t.Object({ extra_specs: specs }, closed) },
    async handle(ctx, { params, body }) {
      const row = await findType(ctx, params.type, manage)
      save(ctx, row, { ...row.extraSpecs, ...body.extra_specs })
      return { extra_specs: body.extra_specs }
    },
  }),
  endpoint({
    id: 'types.extra-specs.show', method: 'GET', path: `${path}/{key}`, status: 200, policy: read, summary: 'Show an extra spec of a type',
    async handle(ctx, { params }) {
      const row = await findType(ctx, params.type), all = shown(ctx, row)
      if (!(params.key in all)) throw none(row, params.key)
      return { [params.key]: all[params.key] }
    },
  }),
  endpoint({
    id: 'types.extra-specs.update', method: 'PUT', path: `${path}/{key}`, status: 200, policy: manage, summary: 'Set an extra spec of a type', body: { '3.0': specs },
    async handle(ctx, { params, body }) {
      const row = await findType(ctx, params.type, manage)
      if (Object.keys(body).join() !== params.key) throw invalid('Request body and URI mismatch: the body has the one key that the path names.')
      save(ctx, row, { ...row.extraSpecs, ...body })
      return body
    },
  }),
  endpoint({
    id: 'types.extra-specs.delete', method: 'DELETE', path: `${path}/{key}`, status: 202, policy: manage, summary: 'Remove an extra spec of a type',
    async handle(ctx, { params }) {
      const row = await findType(ctx, params.type, manage)
      if (!(params.key in row.extraSpecs)) throw none(row, params.key)
      const { [params.key]: _, ...rest } = row.extraSpecs
      save(ctx, row, rest)
    },
  }),
]

/** How disks of a type are to be encrypted: kept and shown; volumes of such a type are refused until a host offers it. */
const encrypted = 'volume_extension:volume_type_encryption' as const, at = '/types/{type}/encryption'
const word = t.Union([t.String({ minLength: 1, maxLength: 255 }), t.Null()])
const size = t.Union([t.Integer({ minimum: 0, maximum: 2147483647 }), t.String({ pattern: '^[0-9]{1,10}$' }), t.Null()])
const fields = { provider: t.Optional(t.String({ minLength: 1, maxLength: 255 })), control_location: t.Optional(t.Enum(['front-end', 'back-end'])), cipher: t.Optional(word), key_size: t.Optional(size) }
const put = (ctx: Ctx, row: TypeRow, encryption: TypeRow['encryption']) => ctx.stage(q.update(volumeType).set({ encryption, updatedAt: ctx.now() }).where(eq(volumeType.id, row.id)), 'stale')
const number = (v: unknown) => (v === null || v === undefined ? null : Number(v))
async function unused(ctx: Ctx, id: string) {
  const [[row], used] = await ctx.read(oneType(ctx, id), inUse(id))
  if (!row) throw noType(id)
  if (used.length) throw invalid('Cannot change encryption specs. Volume type in use.')
  return row
}
export const encryption = [
  endpoint({ id: 'types.encryption.show', method: 'GET', path: at, status: 200, policy: encrypted, summary: 'Show how a type is encrypted', async handle(ctx, { params }) { const row = await findType(ctx, params.type, encrypted); return row.encryption ? { volume_type_id: row.id, ...row.encryption } : {} } }),
  endpoint({
    id: 'types.encryption.item', method: 'GET', path: `${at}/{key}`, status: 200, policy: encrypted, summary: 'Show one thing about how a type is encrypted',
    async handle(ctx, { params }) {
      const row = await findType(ctx, params.type, encrypted), e = row.encryption as Record<string, unknown> | null
      if (!e || !(params.key in e)) throw notFound('encryption', params.key, `Volume type ${row.id} has no encryption spec ${params.key.slice(0, 64)}.`)
      return { [params.key]: e[params.key] }
    },
  }),
  endpoint({
    id: 'types.encryption.create', method: 'POST', path: at, status: 200, policy: encrypted, summary: 'Say how a type is encrypted', body: { '3.0': t.Object({ encryption: t.Object({ ...fields, provider: t.String({ minLength: 1, maxLength: 255 }) }, closed) }, closed) },
    async handle(ctx, { params, body: { encryption: e } }) {
      const row = await unused(ctx, params.type)
      if (row.encryption) throw invalid(`Volume type encryption for type ${row.id} already exists.`)
      const made = { encryption_id: ctx.uuid(), provider: e.provider, control_location: e.control_location ?? 'front-end', cipher: e.cipher ?? null, key_size: number(e.key_size) }
      put(ctx, row, made)
      return { encryption: { volume_type_id: row.id, ...made } }
    },
  }),
  endpoint({
    id: 'types.encryption.update', method: 'PUT', path: `${at}/{key}`, status: 200, policy: encrypted, summary: 'Change how a type is encrypted', body: { '3.0': t.Object({ encryption: t.Object(fields, closed) }, closed) },
    async handle(ctx, { params, body: { encryption: e } }) {
      const row = await unused(ctx, params.type)
      if (!row.encryption || (params.key !== 'provider' && params.key !== row.encryption.encryption_id)) throw notFound('encryption', params.key, `Volume type encryption for type ${row.id} does not exist.`)
      put(ctx, row, { ...row.encryption, ...e, key_size: e.key_size === undefined ? row.encryption.key_size : number(e.key_size) })
      return { encryption: { ...e, ...(e.key_size === undefined ? {} : { key_size: number(e.key_size) }) } }
    },
  }),
  endpoint({
    id: 'types.encryption.delete', method: 'DELETE', path: `${at}/{key}`, status: 202, policy: encrypted, summary: 'Let a type be unencrypted',
    async handle(ctx, { params }) {
      const row = await unused(ctx, params.type)
      if (!row.encryption || (params.key !== 'provider' && params.key !== row.encryption.encryption_id)) throw notFound('encryption', params.key, `Volume type encryption for type ${row.id} does not exist.`)
      put(ctx, row, null)
    },
  }),
]
