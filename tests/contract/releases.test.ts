import { describe, expect, it } from 'vitest'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { eq } from 'drizzle-orm'
import { flavor } from '../../schema/compute.ts'
import { blobRequest, claim, enrollment, inventory, report, type Inventory } from '../../schema/hosts.ts'
import { image } from '../../schema/image.ts'
import { job, saga } from '../../schema/kernel.ts'
import { jobs, unknownKind, type Job, type JobKind } from '../../schema/jobs.ts'
import { q } from '../../functions/kernel/db.ts'
import { cloud } from '../harness/cloud.ts'
import first from './releases/0.1.0.json' with { type: 'json' }

/**
 * Hosts are upgraded one by one, and not at the instant the control plane is: what a release says is understood by the next,
 * and by the one before. The documents are what hosts of that release and their control plane really said to each other.
 */
interface Recorded { release: string; enrollment: object; claim: object; inventory: object; blob: object; reports: { state: string; result?: object }[]; jobs: Job[] }
const releases = [first] as unknown as Recorded[]
const wrong = (schema: TSchema, value: unknown) => Value.Check(schema, value) ? [] : [...Value.Errors(schema, value)].map((e) => `${e.instancePath} ${e.message}`)

describe.each(releases)('release $release', (r) => {
  it('says nothing that is not understood now', () => {
    expect([enrollment, claim, inventory, blobRequest].flatMap((schema, i) => wrong(schema, [r.enrollment, r.claim, r.inventory, r.blob][i]))).toEqual([])
    expect(r.reports.flatMap((one) => wrong(report, one))).toEqual([])
  })
  it.each(r.jobs)('has a job $kind, which hosts still do', (one) => expect(wrong((jobs[one.kind] as JobKind).args, one.args)).toEqual([]))
})

const c = await cloud(), host = await c.host('behind'), other = await c.host('ahead')
const inventoryOf = async (): Promise<Inventory> => {
  let said: Inventory | undefined
  const signed = other.signed.bind(other)
  other.signed = async (method, path, body) => { if (path === '/inventory') said = body as Inventory; return signed(method, path, body) }
  await other.report()
  return said!
}

describe('a host one release ahead', () => {
  it('may say more than is known here', async () => {
    const more = { ...await inventoryOf(), secureBoot: true }
    expect((await other.signed('PUT', '/inventory', { ...more, hypervisor: { ...more.hypervisor, sockets: 2 } })).status).toBe(204)
    expect((await other.signed('POST', '/claim', { slots: 1, running: [], wait: 0, bell: 0, revision: 0, zones: ['a'] })).status).toBe(200)
  })
  it('must still say all that is needed, rightly', async () => {
    const { capacity: _left, ...less } = await inventoryOf()
    const r = await other.signed('PUT', '/inventory', { ...less, secureBoot: true })
    expect([r.status, r.text]).toEqual([400, expect.stringContaining('capacity')])
  })
})

describe('a host one release behind', () => {
  it('says that it does not know a job; whoever asked is told, and nothing is left of it', async () => {
    const token = await c.demo(), admin = await c.admin(), IMAGE = crypto.randomUUID()
    await c.db().write([
      q.insert(image).values({ id: IMAGE, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 }),
      q.insert(flavor).values({ id: 'plain', name: 'plain', vcpus: 1, memoryMb: 128, diskGb: 1, extraSpecs: {}, createdAt: 1 }),
    ])
    for (const h of [host, other]) for (const kind of ['move.open', 'move.send', 'move.close'] as const) h.on[kind] = () => { throw new Error(unknownKind(kind)) }
    const work = async () => { for (let n = 1; n;) { n = await host.work() + await other.work(); await c.settle() } }
    const { id } = (await c.call('POST', '/compute/v2.1/servers', { token, version: 'compute 2.90', body: { server: { name: 's', flavorRef: 'plain', imageRef: IMAGE, networks: 'none' } } })).body.server
    await work()
    expect((await c.call('POST', `/compute/v2.1/servers/${id}/action`, { token: admin, version: 'compute 2.90', body: { migrate: null } })).status).toBe(202)
    await work()
    const { server } = (await c.call('GET', `/compute/v2.1/servers/${id}`, { token: admin, version: 'compute 2.90' })).body
    expect(server.status).toBe('ACTIVE')
    const [[ended], orders] = await c.db().read([q.select().from(saga).where(eq(saga.kind, 'server.move')), q.select().from(job).where(eq(job.kind, 'move.close'))])
    expect(ended).toMatchObject({ state: 'unwound' })
    expect(JSON.stringify(ended.log)).toContain(unknownKind('move.open'))
    expect(orders.filter((o) => o.state === 'queued' || o.state === 'running')).toEqual([])
  })
})
