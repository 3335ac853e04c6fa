import { setTimeout as sleep } from 'node:timers/promises'
import { server } from '../../schema/compute.ts'
import { q } from '../../functions/kernel/db.ts'
import { and, count, eq, like } from 'drizzle-orm'
import { loop } from './load.ts'
import { spent } from './figures.ts'
import type { Subject } from './subject.ts'

export interface Made { flavor: string; image: string; network: string }

export async function benchNetwork(s: Subject, name: string, cidr: string): Promise<string> {
  const id = (await s.call('POST', '/network/v2.0/networks', { network: { name: `bench-${name}` } })).network.id as string
  await s.call('POST', '/network/v2.0/subnets', { subnet: { network_id: id, ip_version: 4, cidr } })
  return id
}

/** Room for many: the bench asks for more than a project is given by default. */
export async function noLimits(s: Subject) {
  const { project } = (await s.call('GET', '/identity/v3/auth/tokens', undefined, { 'x-subject-token': s.token })).token
  for (const [at, quota] of [
    [`/compute/v2.1/os-quota-sets/${project.id}`, { quota_set: { instances: -1, cores: -1, ram: -1 } }],
    [`/network/v2.0/quotas/${project.id}`, { quota: { network: -1, subnet: -1, port: -1, security_group: -1, security_group_rule: -1 } }],
    [`/volume/v3/os-quota-sets/${project.id}`, { quota_set: { volumes: -1, gigabytes: -1 } }],
  ] as const) {
    try { await s.call('PUT', at, quota) } catch (e) { s.figures.fail('quotas', (e as Error).message) }
  }
}

export async function ingredients(s: Subject): Promise<Made> {
  const { flavors } = await s.call('GET', '/compute/v2.1/flavors/detail')
  const { images } = await s.call('GET', '/image/v2/images?status=active')
  return {
    flavor: flavors.toSorted((a: { ram: number }, b: { ram: number }) => a.ram - b.ram)[0].id, image: images[0].id,
    network: await benchNetwork(s, 'servers', '10.77.0.0/16'),
  }
}
export const serverBody = (of: Made, name: string, more: object = {}) => ({ server: { name, flavorRef: of.flavor, imageRef: of.image, networks: [{ uuid: of.network }], ...more } })

/** A thousand servers with a port each, from the first request until the last is ACTIVE. */
export async function servers(s: Subject) {
  const n = s.scaled(1000), { figures } = s
  figures.title(`${n} servers with a port each, 8 requests at a time`)
  const of = await ingredients(s), name = `bench-${process.pid}`
  const db = s.cloud.db()
  const create = (i: number) => s.call('POST', '/compute/v2.1/servers', serverBody(of, `${name}-${i}`))
  await create(0)
  const state = async (state: 'active' | 'error') => (await db.read([q.select({ n: count() }).from(server).where(and(like(server.name, `${name}-%`), eq(server.state, state)))]))[0][0].n
  const settled = async (all: number) => {
    for (const end = Date.now() + 300_000; Date.now() < end; await sleep(100)) if (await state('active') + await state('error') >= all) return
  }
  await settled(1)
  const since = performance.now()
  const { out: run, cpu } = await spent(s.processes, async () => {
    const run = await loop({ n, at: 8, seconds: 300 }, (i) => create(i + 1))
    await settled(run.done.length + 1)
    return run
  })
  const seconds = (performance.now() - since) / 1000
  const active = await state('active') - 1
  figures.failed('server create', run)
  if (active < run.done.length) figures.fail('servers ACTIVE', `${run.done.length - active} of ${run.done.length} are not`)
  if (!active) return
  figures.latency('server create accepted (202)', run.ms, { p99: 100 })
  figures.put(`${n} servers all ACTIVE`, seconds, 's', { bar: { most: 60 * n / 1000 } })
  figures.put('servers ACTIVE rate', active / seconds, '/s', { bar: { least: 20 } })
  const [rows] = await db.read([q.select({ from: server.createdAt, to: server.launchedAt }).from(server).where(and(like(server.name, `${name}-%`), eq(server.state, 'active')))])
  figures.latency('server create to ACTIVE', rows.map((r) => ((r.to ?? Infinity) - r.from) / 1000), { p99: 1000 })
  figures.cpu('server create to ACTIVE', cpu, active, 24)
  await s.measure('list of 200 servers, detail', { n: s.scaled(60), at: 1, cpu: 2.2, p99: 150 }, () => s.call('GET', '/compute/v2.1/servers/detail?limit=200'))
  await s.measure('list of 1,000 servers, brief', { n: s.scaled(60), at: 1, p99: 50 }, () => s.call('GET', '/compute/v2.1/servers?limit=1000'))
}
