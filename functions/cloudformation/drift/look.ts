import type { Ctx } from '../../kernel/ctx.ts'
import { Fault } from '../../kernel/fault.ts'
import { placeOf } from '../../orchestration/engine/place.ts'
import { mask, programOf } from '../../orchestration/engine/program.ts'
import type { ResourceRow, StackRow } from '../../orchestration/engine/record.ts'
import { equal, propertiesOf, workFor } from '../../orchestration/engine/work.ts'
import { typeFor } from '../../orchestration/types/resolve.ts'

/** What a resource was given, but for its secrets. */
export async function shownProperties(ctx: Ctx, s: StackRow, r: ResourceRow): Promise<Record<string, unknown>> {
  const { program, type } = await kindOf(ctx, s, r), all = Object.entries(await propertiesOf(ctx, r)).filter(([k]) => !type?.properties[k]?.hidden)
  return JSON.parse(mask(program?.secrets ?? [], JSON.stringify(Object.fromEntries(all))))
}

export interface Found { status: 'IN_SYNC' | 'MODIFIED' | 'DELETED' | 'NOT_CHECKED'; reason?: string; differences: { path: string; expected: string; actual: string; type: 'ADD' | 'REMOVE' | 'NOT_EQUAL' }[] }
const text = (v: unknown) => (typeof v === 'string' ? v : JSON.stringify(v) ?? '')

/** What AWS's properties are called where a resource shows itself: only what is shown can be compared. */
const SHOWN: Record<string, Record<string, string>> = {
  'AWS::EC2::Instance': { KeyName: 'key_name' }, 'AWS::EC2::Volume': { Size: 'size', AvailabilityZone: 'availability_zone' }, 'AWS::EC2::SecurityGroup': { GroupDescription: 'description', GroupName: 'name' }, 'AWS::EC2::Subnet': { CidrBlock: 'cidr' },
  'AWS::EC2::NetworkInterface': { Description: 'description', GroupSet: 'security_groups' }, 'AWS::EC2::SecurityGroupIngress': { CidrIp: 'remote_ip_prefix' }, 'AWS::EC2::SecurityGroupEgress': { CidrIp: 'remote_ip_prefix' },
}

async function kindOf(ctx: Ctx, s: StackRow, r: ResourceRow) {
  const program = r.template ? await programOf(ctx, await placeOf(ctx, s), r.template).catch(() => undefined) : undefined
  return { program, type: await typeFor(r.type, program?.environment, program?.files ?? {}, r.name) }
}

/** Is it there, and do those of its properties that it shows have the values they were given? */
export async function lookAt(ctx: Ctx, s: StackRow, r: ResourceRow): Promise<Found> {
  const { program, type } = await kindOf(ctx, s, r), hide = (v: unknown) => mask(program?.secrets ?? [], text(v))
  if (!type?.show || !r.physicalId) return { status: 'NOT_CHECKED', differences: [] }
  const properties = await propertiesOf(ctx, r)
  try {
    const shown = await type.show(workFor(ctx, ctx.caller, s, r, properties))
    const differences: Found['differences'] = []
    for (const [name, p] of Object.entries(type.properties)) {
      const at = SHOWN[r.type]?.[name] ?? name
      if (p.hidden || p.ignored || properties[name] === undefined || properties[name] === null || !Object.hasOwn(shown ?? {}, at) || (r.type.startsWith('AWS::') && !SHOWN[r.type]?.[name])) continue
      const [want, have] = [properties[name], shown[at]], scalar = (v: unknown) => v === null || ['string', 'number', 'boolean'].includes(typeof v), lists = Array.isArray(want) && Array.isArray(have) && [...want, ...have].every(scalar)
      if (!lists && !(scalar(want) && scalar(have))) continue
      const same = lists ? equal([...want].map(text).sort(), [...have].map(text).sort()) : text(want) === text(have)
      if (!same) differences.push({ path: `/${name}`, expected: hide(want), actual: hide(have), type: have === null ? 'REMOVE' : 'NOT_EQUAL' })
    }
    return { status: differences.length ? 'MODIFIED' : 'IN_SYNC', differences }
  } catch (e) {
    if (e instanceof Fault && e.kind === 'notFound') return { status: 'DELETED', differences: [] }
    if (e instanceof Fault && ['forbidden', 'invalid', 'conflict'].includes(e.kind)) return { status: 'NOT_CHECKED', reason: e.message, differences: [] }
    throw e
  }
}
