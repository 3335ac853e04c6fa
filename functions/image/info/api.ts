import type { Ctx } from '../../kernel/ctx.ts'
import { IMPORT_METHODS, STORE } from '../images/model.ts'
import { endpoint } from '../service.ts'
import { imageUsage } from '../upload/quota.ts'

const get = (id: string, path: string, policy: 'stores_info' | 'stores_info_detail', summary: string, handle: (ctx: Ctx) => unknown) =>
  endpoint({ id: `info.${id}`, method: 'GET', path, status: 200, policy, summary, handle })

export default [
  get('import', '/info/import', 'stores_info', 'Say how data may be imported', () => ({ 'import-methods': { description: 'Import methods available.', type: 'array', value: IMPORT_METHODS } })),
  get('stores', '/info/stores', 'stores_info', 'List stores', () => ({ stores: [{ id: STORE, description: 'Object store of the cloud', default: 'true' }] })),
  get('stores-detail', '/info/stores/detail', 'stores_info_detail', 'List stores with their properties', (ctx) =>
    ({ stores: [{ id: STORE, type: 's3', description: 'Object store of the cloud', default: 'true', weight: 0, properties: { bucket: ctx.env.S3_BUCKET } }] })),
  get('usage', '/info/usage', 'stores_info', 'Show what the project keeps and may keep', async (ctx) => {
    const [u] = await ctx.read(imageUsage(ctx.project))
    const mib = (n: number) => (n < 0 ? -1 : Math.ceil(n / 2 ** 20))
    const row = (limit: number, usage: number) => ({ limit, usage })
    return { usage: { image_size_total: row(mib(u?.quota ?? -1), mib(u?.bytes ?? 0)), image_stage_total: row(-1, 0), image_count_total: row(-1, u?.images ?? 0), image_count_uploading: row(-1, u?.uploading ?? 0) } }
  }),
]
