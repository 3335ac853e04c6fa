import { and, eq, exists, gt, gte, inArray, lt, lte, ne, or, sql, type SQL } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import { image, imageMember, imageTag } from '../../../schema/image.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { cutPage, keyset, pageOf } from '../../kernel/page.ts'
import { endpoint } from '../service.ts'
import { imageView, tagsOf, VISIBILITIES, type TaggedImage } from './model.ts'

const sortable = { name: image.name, status: image.status, container_format: image.containerFormat, disk_format: image.diskFormat, size: image.size, id: image.id, created_at: image.createdAt, updated_at: image.updatedAt, visibility: image.visibility, min_ram: image.minRam, min_disk: image.minDisk, owner: image.owner, protected: image.protected }
const plain: Record<string, SQLiteColumn> = { id: image.id, name: image.name, status: image.status, container_format: image.containerFormat, disk_format: image.diskFormat, owner: image.owner, checksum: image.md5, os_hash_value: image.sha512 }
const numbers: Record<string, SQLiteColumn> = { size: image.size, min_ram: image.minRam, min_disk: image.minDisk, virtual_size: image.virtualSize }
const paging = ['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'member_status', 'visibility', 'tag', 'size_min', 'size_max', 'os_hash_algo']

export default endpoint({
  id: 'images.list', method: 'GET', path: '/images', status: 200, policy: 'get_images', summary: 'List images',
  async handle(ctx, { query }) {
    const page = pageOf(query, sortable, { max: 1000, limit: 25, sort: [['created_at', 'desc']] })
    const { after, order } = keyset(image, image.id, page)
    const list = q.select({ image, tags: tagsOf.as('tags') }).from(image).where(and(seen(ctx, query), ...filters(query), after)).orderBy(...order).limit(page.limit + 1)
    const [rows, [marker]] = await ctx.read(list, q.select({ id: image.id }).from(image).where(eq(image.id, page.marker ?? '')))
    if (page.marker && !marker) throw invalid(`The marker ${page.marker.slice(0, 64)} is not an image.`)
    const cut = cutPage(rows as TaggedImage[], page, (r) => r.image.id)
    const link = (more?: string) => {
      const to = new URLSearchParams(query)
      to.delete('marker')
      if (more) to.set('marker', more)
      return `/v2/images${to.size ? `?${to}` : ''}`
    }
    return { images: cut.rows.map(imageView), ...(cut.next ? { next: link(cut.next) } : {}), schema: '/v2/schemas/images', first: link() }
  },
})

/** What a list shows of what may be seen: community only when asked for, shared as the member has answered. */
function seen(ctx: Ctx, query: URLSearchParams): SQL | undefined {
  const visibility = query.get('visibility'), status = query.get('member_status') ?? 'accepted', project = ctx.anyone?.project?.id ?? ''
  if (visibility && visibility !== 'all' && !(VISIBILITIES as readonly string[]).includes(visibility)) throw invalid(`Invalid visibility value: ${visibility.slice(0, 64)}`)
  if (!['pending', 'accepted', 'rejected', 'all'].includes(status)) throw invalid(`Invalid status: ${status.slice(0, 64)}`)
  if (ctx.caller.admin && !visibility) return or(ne(image.visibility, 'community'), eq(image.owner, project))
  if (ctx.caller.admin) return visibility === 'all' ? undefined : eq(image.visibility, visibility as 'public')
  const shared = and(eq(image.visibility, 'shared'), exists(q.select({ one: sql`1` }).from(imageMember)
    .where(and(eq(imageMember.image, image.id), eq(imageMember.member, project), status === 'all' ? undefined : eq(imageMember.status, status as 'accepted')))))
  if (visibility === 'public' || visibility === 'community') return eq(image.visibility, visibility)
  if (visibility === 'private') return and(eq(image.visibility, 'private'), eq(image.owner, project))
  if (visibility === 'shared') return or(and(eq(image.visibility, 'shared'), eq(image.owner, project)), shared)
  return or(eq(image.owner, project), inArray(image.visibility, visibility === 'all' ? ['public', 'community'] : ['public']), shared)
}

function filters(query: URLSearchParams): (SQL | undefined)[] {
  const out: (SQL | undefined)[] = []
  if (!query.has('os_hidden')) out.push(eq(image.hidden, false))
  for (const [name, value] of query) {
    if (paging.includes(name)) continue
    if (name in plain) out.push(words(plain[name], name, value))
    else if (name in numbers) out.push(eq(numbers[name], integer(name, value)))
    else if (name === 'protected' || name === 'os_hidden') out.push(eq(name === 'protected' ? image.protected : image.hidden, bool(name, value)))
    else if (name === 'created_at' || name === 'updated_at') out.push(moment(name === 'created_at' ? image.createdAt : image.updatedAt, name, value))
    else out.push(sql`json_extract(${image.properties}, ${`$.${JSON.stringify(name)}`}) = ${value}`)
  }
  for (const tag of query.getAll('tag')) out.push(exists(q.select({ one: sql`1` }).from(imageTag).where(and(eq(imageTag.image, image.id), eq(imageTag.tag, tag)))))
  if (query.has('size_min')) out.push(gte(image.size, integer('size_min', query.get('size_min')!)))
  if (query.has('size_max')) out.push(lte(image.size, integer('size_max', query.get('size_max')!)))
  return out
}

/** `in:a,"b,c"` is a choice; anything else stands for itself. */
function words(column: SQLiteColumn, name: string, value: string): SQL {
  if (!value.startsWith('in:')) return eq(column, value)
  const list = [...value.slice(3).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)].map((m) => m[1] ?? m[2])
  if (!list.length || list.length > 200) throw invalid(`Unable to filter by ${name}: in: needs between 1 and 200 values.`)
  return inArray(column, list)
}

const integer = (name: string, value: string) => {
  if (!/^\d{1,18}$/.test(value)) throw invalid(`Unable to filter by ${name}: '${value.slice(0, 64)}' is not a non-negative integer.`)
  return Number(value)
}
const bool = (name: string, value: string) => {
  if (!/^(true|false)$/i.test(value)) throw invalid(`Unable to filter by ${name}: '${value.slice(0, 64)}' is not true or false.`)
  return /^true$/i.test(value)
}
const compare = { gt, gte, lt, lte, eq, neq: ne }
function moment(column: SQLiteColumn, name: string, value: string): SQL {
  const m = /^(?:(gt|gte|lt|lte|eq|neq):)?(.+)$/.exec(value)
  const at = m ? Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(m[2]) ? m[2] : `${m[2]}Z`) : NaN
  if (Number.isNaN(at)) throw invalid(`Unable to filter by ${name}: '${value.slice(0, 64)}' is not an operator and a time.`)
  // Times are kept finer than they are written: a second is a range.
  const second = Math.floor(at / 1000) * 1_000_000, op = (m![1] ?? 'eq') as keyof typeof compare
  if (op === 'eq') return and(gte(column, second), lt(column, second + 1_000_000))!
  if (op === 'neq') return or(lt(column, second), gte(column, second + 1_000_000))!
  return compare[op](column, op === 'gt' || op === 'lte' ? second + 999_999 : second)
}
