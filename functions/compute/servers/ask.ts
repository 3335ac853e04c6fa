import type { Ctx } from '../../kernel/ctx.ts'
import { invalid } from '../../kernel/fault.ts'
import type { PortRequest } from '../../network/ports/plan.ts'
import { address, base64, truth, whole } from '../shapes.ts'
import { blocksOf, type Block } from './blocks.ts'

/** A wish for servers in the domain's own words, wherever it came from. */
export interface NewServers {
  /** Without one they are called by their ids. */
  name: string; min: number; max: number
  flavor: string; image?: string; blocks: Block[]
  ports: PortRequest
  keyName?: string; userData?: string; adminPass?: string; configDrive: boolean
  metadata: Record<string, string>; tags: string[]; description: string | null; hostname?: string
  zone?: string; onHost?: string[]
  hints: { group?: string; sameHost?: string[]; differentHost?: string[]; all: Record<string, unknown> }
  accessIPv4?: string; accessIPv6?: string; trustedCerts?: string[] | null; autoDisk: boolean
}

const list = (v: unknown): string[] | undefined => (v === undefined ? undefined : Array.isArray(v) ? v as string[] : [v as string])
const lastPart = (ref: string) => ref.replace(/\/+$/, '').split('/').at(-1) ?? ref

/** Reads a body that its schema has passed. What only an admin may ask is refused here. */
export function askOf(ctx: Ctx, body: Record<string, any>): NewServers {
  const s = body.server as Record<string, any>
  const hints = (body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {}) as Record<string, unknown>
  const { blocks, image } = blocksOf(s)
  if (s.personality?.length) throw invalid('File injection (personality) is not available in this cloud: use user_data.')
  const min = s.min_count === undefined ? 1 : whole(s.min_count, 'min_count', 1), max = s.max_count === undefined ? min : whole(s.max_count, 'max_count', 1)
  if (min > max) throw invalid('min_count must be <= max_count')
  if (blocks.some((b) => b.source === 'volume') && max > 1) throw invalid('Cannot attach one or more volumes to multiple instances')
  const { zone, onHost } = placeOf(ctx, s)
  return {
    name: s.name, min, max, flavor: lastPart(String(s.flavorRef)), image: image && lastPart(image), blocks,
    ports: { servers: max, nics: nicsOf(s.networks), securityGroups: s.security_groups?.length ? unique(s.security_groups.flatMap((g: { name?: string }) => g.name ?? [])) : undefined },
    keyName: s.key_name, userData: base64(s.user_data, 'user_data'), adminPass: s.adminPass, configDrive: truth(s.config_drive),
    metadata: s.metadata ?? {}, tags: unique(s.tags ?? []), description: s.description ?? null, hostname: s.hostname, zone, onHost,
    hints: { group: list(hints.group)?.[0], sameHost: list(hints.same_host), differentHost: list(hints.different_host), all: hints },
    accessIPv4: address(s.accessIPv4, 'accessIPv4', 4), accessIPv6: address(s.accessIPv6, 'accessIPv6', 6), trustedCerts: s.trusted_image_certificates, autoDisk: s['OS-DCF:diskConfig'] !== 'MANUAL',
  }
}
const unique = (names: string[]) => [...new Set(names)]

function nicsOf(networks: unknown): PortRequest['nics'] {
  if (networks === 'auto' || networks === 'none') return networks
  const nics = ((networks ?? []) as { uuid?: string; port?: string | null; fixed_ip?: string; tag?: string }[]).map((n) => {
    if (!n.uuid && !n.port) throw invalid('Bad networks format: a network uuid or a port is required.')
    return { network: n.port ? undefined : n.uuid!.replace(/^br-/, ''), port: n.port ?? undefined, fixedIp: address(n.fixed_ip, 'fixed_ip'), tag: n.tag }
  })
  const ports = nics.flatMap((n) => n.port ?? [])
  if (new Set(ports).size !== ports.length) throw invalid('A port may be named once.')
  return nics.length ? nics : 'auto'
}

/** `zone:host:node` and, from 2.74, `host`: admins choose the host themselves. */
function placeOf(ctx: Ctx, s: Record<string, any>): { zone?: string; onHost?: string[] } {
  const [zone, host, node, ...rest] = ((s.availability_zone as string | undefined) ?? '').split(':')
  if (rest.length) throw invalid(`Invalid availability zone: ${s.availability_zone}`)
  if (host || node) ctx.may('os_compute_api:servers:create:forced_host')
  const asked = [s.host, s.hypervisor_hostname].filter(Boolean) as string[]
  if (asked.length) ctx.may('compute:servers:create:requested_destination')
  const names = unique([host, node, ...asked].filter(Boolean))
  return { zone: zone || undefined, onHost: names.length ? names : undefined }
}
