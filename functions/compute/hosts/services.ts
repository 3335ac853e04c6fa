import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { aggregateHost, server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, invalid, notFound, unsupported } from '../../kernel/fault.ts'
import { isoMicros } from '../../kernel/view.ts'
import { endpoint, type Rule } from '../service.ts'
import { bool, closed, fqdn, isUuid, truth } from '../shapes.ts'
import { allHosts, idOf, oneHost, up, type HostShown } from './read.ts'

/** A host's bridge is what older clouds call its compute service. */
const view = (ctx: Ctx, r: HostShown) => ({
  id: idOf(ctx, r), binary: 'nova-compute', host: r.h.name, zone: r.zone, status: r.h.enabled ? 'enabled' : 'disabled', state: up(ctx, r) ? 'up' : 'down', updated_at: isoMicros(r.h.seenAt), disabled_reason: r.h.disabledReason,
  ...(ctx.version >= 2011 ? { forced_down: r.h.forcedDown } : {}),
})
const save = (ctx: Ctx, r: HostShown, set: Partial<HostShown['h']>) => ctx.stage(q.update(host).set({ ...set, updatedAt: ctx.now() }).where(eq(host.id, r.h.id)), 'stale')
const rule = (what: string) => `os_compute_api:os-services:${what}` as Rule

async function named(ctx: Ctx, name: string, binary: string) {
  const r = (await allHosts(ctx)).find((x) => x.h.name === name)
  if (!r || binary !== 'nova-compute') throw notFound('host', name, `Could not find binary ${binary} on host ${name}.`)
  return r
}
/** Before 2.53 services are named in the body, and the path says what to do. */
const turn = (word: string, more: Record<string, ReturnType<typeof t.Optional>>, since?: string) => endpoint({
  id: `services.${word}`, method: 'PUT', path: `/os-services/${word}`, since, until: '2.52', status: 200, summary: 'Enable, disable or force down a compute service', policy: rule('update'),
  body: { '2.1': t.Object({ host: fqdn, binary: t.String({ minLength: 1, maxLength: 255 }), ...more }, closed) as never },
  async handle(ctx, { body }) {
    const b = body as { host: string; binary: string; disabled_reason?: string; forced_down?: unknown }, r = await named(ctx, b.host, b.binary)
    if (word === 'force-down') {
      save(ctx, r, { forcedDown: truth(b.forced_down) })
      return { service: { host: b.host, binary: b.binary, forced_down: truth(b.forced_down) } }
    }
    const enabled = word === 'enable'
    if (word === 'disable-log-reason' && !b.disabled_reason) throw invalid('Missing disabled reason field')
    save(ctx, r, { enabled, disabledReason: enabled ? null : b.disabled_reason ?? null })
    return { service: { host: b.host, binary: b.binary, status: enabled ? 'enabled' : 'disabled', ...(word === 'disable-log-reason' ? { disabled_reason: b.disabled_reason } : {}) } }
  },
})
const reason = { disabled_reason: t.Optional(t.String({ minLength: 1, maxLength: 255 })) }
const byUuid = (ctx: Ctx, id: string) => {
  if (ctx.version >= 2053 && !isUuid(id)) throw invalid(`Invalid uuid ${id}`)
  if (ctx.version < 2053 && !/^\d+$/.test(id)) throw invalid(`Service id ${id} is not an integer.`)
  return oneHost(ctx, id, 'Service', `Service ${id} could not be found.`)
}
const hostRule = (what: string) => `os_compute_api:os-hosts:${what}` as Rule
const hostNamed = async (ctx: Ctx, name: string) => {
  const r = (await allHosts(ctx)).find((x) => x.h.name === name)
  if (!r) throw notFound('compute host', name, `Compute host ${name} could not be found.`)
  return r
}
const zones = async (ctx: Ctx) => Map.groupBy(await allHosts(ctx), (r) => r.zone)

export default [
  endpoint({
    id: 'services.list', method: 'GET', path: '/os-services', status: 200, summary: 'List compute services', policy: rule('list'),
    async handle(ctx, { query }) {
      if (ctx.version >= 2075) for (const key of query.keys()) if (!['host', 'binary'].includes(key)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
      const wanted = (r: HostShown) => (!query.has('host') || r.h.name === query.get('host')) && (!query.has('binary') || query.get('binary') === 'nova-compute')
      return { services: (await allHosts(ctx)).filter(wanted).map((r) => view(ctx, r)) }
    },
  }),
  turn('enable', reason as never), turn('disable', reason as never), turn('disable-log-reason', reason as never), turn('force-down', { forced_down: bool } as never, '2.11'),
  endpoint({
    id: 'services.update', method: 'PUT', path: '/os-services/{service}', since: '2.53', status: 200, summary: 'Enable, disable or force down a compute service', policy: rule('update'),
    body: { '2.53': t.Object({ status: t.Optional(t.Enum(['enabled', 'disabled'])), disabled_reason: t.Optional(t.String({ minLength: 1, maxLength: 255 })), forced_down: t.Optional(bool) }, closed) },
    async handle(ctx, { params, body: b }) {
      const r = await byUuid(ctx, params.service)
      if (!Object.keys(b).length) throw invalid("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
      if (b.disabled_reason && b.status !== 'disabled') throw invalid("Specifying 'disabled_reason' when status is not 'disabled' is invalid.")
      const set = { ...(b.status ? { enabled: b.status === 'enabled', disabledReason: b.status === 'enabled' ? null : b.disabled_reason ?? null } : {}), ...(b.forced_down === undefined ? {} : { forcedDown: truth(b.forced_down) }) }
      save(ctx, r, set)
      return { service: view(ctx, { ...r, h: { ...r.h, ...set } }) }
    },
  }),
  endpoint({
    id: 'services.delete', method: 'DELETE', path: '/os-services/{service}', status: 204, summary: 'Forget a host that has no servers', policy: rule('delete'),
    async handle(ctx, { params }) {
      const r = await byUuid(ctx, params.service)
      if (r.servers) throw conflict('Unable to delete compute service that is hosting instances. Migrate or delete the instances first.')
      ctx.stage(q.delete(aggregateHost).where(eq(aggregateHost.host, r.h.id)))
      ctx.stage(q.delete(host).where(sql`${host.id} = ${r.h.id} and not exists (select 1 from ${server} where host = ${r.h.id})`), 'stale')
    },
  }),
  endpoint({ id: 'hosts.list', method: 'GET', path: '/os-hosts', until: '2.42', status: 200, summary: 'List hosts', policy: hostRule('list'), async handle(ctx, { query }) { return { hosts: (await allHosts(ctx)).filter((r) => !query.get('zone') || r.zone === query.get('zone')).map((r) => ({ host_name: r.h.name, service: 'compute', zone: r.zone })) } } }),
  endpoint({
    id: 'hosts.show', method: 'GET', path: '/os-hosts/{host}', until: '2.42', status: 200, summary: "Show a host's room and use", policy: hostRule('show'),
    async handle(ctx, { params }) {
      const r = await hostNamed(ctx, params.host), row = (project: string, cpu: number, memory_mb: number, disk_gb: number) => ({ resource: { host: r.h.name, project, cpu, memory_mb, disk_gb } })
      return { host: [row('(total)', r.h.vcpus, r.h.memoryMb, r.h.diskGb), row('(used_now)', r.vcpus, r.memoryMb, r.diskGb), row('(used_max)', r.vcpus, r.memoryMb, r.diskGb)] }
    },
  }),
  endpoint({
    id: 'hosts.update', method: 'PUT', path: '/os-hosts/{host}', until: '2.42', status: 200, summary: 'Enable or disable a host', policy: hostRule('update'),
    body: { '2.1': t.Object({ status: t.Optional(t.Enum(['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE'])), maintenance_mode: t.Optional(t.Enum(['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE'])) }, { ...closed, minProperties: 1 }) },
    async handle(ctx, { params, body }) {
      const r = await hostNamed(ctx, params.host)
      if (body.maintenance_mode) throw unsupported('Virt driver does not implement host maintenance mode.')
      const enabled = body.status!.toLowerCase() === 'enable'
      save(ctx, r, { enabled })
      return { host: r.h.name, status: enabled ? 'enabled' : 'disabled' }
    },
  }),
  ...(['reboot', 'shutdown', 'startup'] as const).map((word) => endpoint({
    id: `hosts.${word}`, method: 'GET', path: `/os-hosts/{host}/${word}`, until: '2.42', status: 200, summary: "Turn a host's power: its owner does that", policy: hostRule(word === 'startup' ? 'start' : word),
    async handle(ctx, { params }) { await hostNamed(ctx, params.host); throw unsupported('Virt driver does not implement host power management.') },
  })),
  endpoint({
    id: 'zones.list', method: 'GET', path: '/os-availability-zone', status: 200, summary: 'List availability zones', policy: 'os_compute_api:os-availability-zone:list',
    async handle(ctx) { return { availabilityZoneInfo: [...await zones(ctx)].map(([zoneName, rows]) => ({ zoneName, zoneState: { available: rows.some((r) => r.h.enabled) }, hosts: null })) } },
  }),
  endpoint({
    id: 'zones.detail', method: 'GET', path: '/os-availability-zone/detail', status: 200, summary: 'List availability zones with their hosts', policy: 'os_compute_api:os-availability-zone:detail',
    async handle(ctx) {
      const service = (r: HostShown) => ({ 'nova-compute': { available: up(ctx, r), active: r.h.enabled, updated_at: isoMicros(r.h.seenAt) } })
      return { availabilityZoneInfo: [...await zones(ctx)].map(([zoneName, rows]) => ({ zoneName, zoneState: { available: rows.some((r) => r.h.enabled) }, hosts: Object.fromEntries(rows.map((r) => [r.h.name, service(r)])) })) }
    },
  }),
]
