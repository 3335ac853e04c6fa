import { eq } from 'drizzle-orm'
import { stackTemplate } from '../../schema/orchestration.ts'
import { awsFault } from '../aws/faults.ts'
import { Bytes } from '../kernel/bytes.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { Fault } from '../kernel/fault.ts'
import { readOutside } from '../kernel/outside.ts'
import { storeHooks } from '../orchestration/engine/lookups.ts'
import { regionOf } from '../orchestration/engine/place.ts'
import { compile, type Program } from '../orchestration/engine/program.ts'
import type { StackRow } from '../orchestration/engine/record.ts'
import { openTemplate } from '../orchestration/engine/sealed.ts'
import { validate } from '../orchestration/engine/validate.ts'
import type { Json, Template } from '../orchestration/template/index.ts'
import { validation } from './find.ts'
import type { Options } from './shapes.ts'

const INLINE = 51_200, STORED = 1_048_576

/** The text of a template, from the request or from this cloud's own object store; undefined when none is given. */
export async function bodyOf(ctx: Ctx, i: { TemplateBody?: string; TemplateURL?: string }): Promise<string | undefined> {
  if (i.TemplateBody !== undefined && i.TemplateURL !== undefined) throw validation('Specify exactly one of TemplateBody and TemplateURL.')
  if (i.TemplateURL !== undefined) return storedText(ctx, i.TemplateURL, 'TemplateURL', STORED)
  if (i.TemplateBody === undefined) return undefined
  if (new TextEncoder().encode(i.TemplateBody).length > INLINE) throw validation(`1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${INLINE}`)
  return i.TemplateBody
}
export async function needed(ctx: Ctx, i: { TemplateBody?: string; TemplateURL?: string }): Promise<string> {
  const body = await bodyOf(ctx, i)
  if (body === undefined) throw validation('Either TemplateBody or TemplateURL must be specified.')
  return body
}

/** What lies at an address: of this cloud's own object store only below the project's own templates. */
export async function storedText(ctx: Ctx, address: string, name: string, limit: number): Promise<string> {
  const refused = validation(`${name} must reference a valid S3 object to which you have access.`)
  let url: URL
  try { url = new URL(address) } catch { throw refused }
  const store = new URL((ctx.env.S3_PUBLIC_URL ?? ctx.env.S3_URL)), base = new URL(`${(ctx.env.S3_PUBLIC_URL ?? ctx.env.S3_URL).replace(/\/$/, '')}/${ctx.env.S3_BUCKET}/templates/${ctx.project}/`)
  if (url.origin !== store.origin && url.origin !== new URL(ctx.env.S3_URL).origin) return readOutside(ctx, address, name, limit).catch((e) => { throw e instanceof Fault ? validation(e.message) : e })
  if (url.username || url.password || !url.pathname.startsWith(base.pathname) || /%2e|%2f|%5c|\\/i.test(url.pathname)) throw refused
  const key = decodeURIComponent(url.pathname.slice(base.pathname.length))
  if (!key || key.split('/').some((p) => p === '..' || p === '.')) throw refused
  const answer = await new Bytes(ctx.env, ctx.world).get(`templates/${ctx.project}/${key}`).catch((e) => { throw e instanceof Fault && e.kind === 'notFound' ? refused : e })
  if (Number(answer.headers.get('content-length') ?? 0) > limit) { await answer.body?.cancel(); throw validation(`Template may not exceed ${limit} bytes in size.`) }
  return answer.text()
}

/** Parameters as given, and the names of those that keep their value. */
export function parametersOf(i: Pick<Options, 'Parameters'>, updating: boolean): { given: Record<string, Json>; keep: string[] } {
  const given: Record<string, Json> = {}, keep: string[] = [], seen = new Set<string>()
  for (const p of i.Parameters ?? []) {
    if (!p.ParameterKey) throw validation('Parameters must have a ParameterKey.')
    if (seen.has(p.ParameterKey)) throw validation(`Parameter ${p.ParameterKey} is given more than once.`)
    seen.add(p.ParameterKey)
    if (p.UsePreviousValue) {
      if (!updating) throw validation('Invalid input for parameter key ' + p.ParameterKey + '. Cannot specify usePreviousValue as true for a parameter key not in the previous template')
      if (p.ParameterValue !== undefined) throw validation(`Invalid input for parameter key ${p.ParameterKey}. Cannot specify usePreviousValue as true for a parameter key along with its value`)
      keep.push(p.ParameterKey)
    } else given[p.ParameterKey] = p.ParameterValue ?? ''
  }
  return { given, keep }
}

const IAM = /^AWS::IAM::(User|Group|AccessKey|Role|InstanceProfile|Policy|ManagedPolicy)$/
const NAMES = ['UserName', 'GroupName', 'RoleName', 'InstanceProfileName']
/** What the author has to agree to: names of resources that give power, and whether they name themselves. */
export function capabilitiesOf(t: Template): { capabilities: string[]; reason?: string } {
  const powers = [...t.resources.values()].filter((r) => IAM.test(r.type))
  if (!powers.length) return { capabilities: [] }
  const own = powers.some((r) => r.type !== 'AWS::IAM::AccessKey' && NAMES.some((n) => (r.properties as Record<string, Json> | null)?.[n] !== undefined))
  return { capabilities: [own ? 'CAPABILITY_NAMED_IAM' : 'CAPABILITY_IAM'], reason: `The following resource(s) require capabilities: [${[...new Set(powers.map((r) => r.type))].join(', ')}]` }
}
export function mustBeCapable(t: Template, given: string[] | undefined) {
  const { capabilities: [need] } = capabilitiesOf(t)
  if (need && !given?.includes(need) && !(need === 'CAPABILITY_IAM' && given?.includes('CAPABILITY_NAMED_IAM'))) throw awsFault('InsufficientCapabilitiesException', `Requires capabilities : [${need}]`, { status: 400 })
}
/** A request may confine itself to some types: `AWS::*`, `AWS::EC2::*`, `Custom::*`. */
export function mustBeOf(t: Template, kinds: string[] | undefined) {
  if (!kinds?.length) return
  const bad = [...t.resources.values()].find((r) => !kinds.some((k) => k === r.type || (k.endsWith('*') && r.type.startsWith(k.slice(0, -1)))))
  if (bad) throw validation(`Resource type ${bad.type} is not among the ResourceTypes of the request.`)
}

/** A template by itself: everything that is wrong whatever the parameters. */
export async function understood(ctx: Ctx, body: string, o: { given?: Record<string, Json>; types?: boolean } = {}): Promise<Program> {
  const place = { id: '00000000-0000-0000-0000-000000000000', name: 'template', project: ctx.project, front: 'aws' as const, region: regionOf(ctx) }
  const program = await compile({ body, given: o.given }, place, '', { lenient: true, hooks: o.given ? storeHooks(ctx, ctx.project) : undefined })
  if (o.types !== false) await validate(program)
  return program
}

export async function templateOf(ctx: Ctx, s: StackRow): Promise<string | undefined> {
  if (!s.template) return undefined
  const [[row]] = await ctx.read(q.select().from(stackTemplate).where(eq(stackTemplate.id, s.template)))
  return row && openTemplate(ctx, row).body
}
