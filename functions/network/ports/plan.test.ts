import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import { Ctx, unit } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Caller } from '../../kernel/policy.ts'
import { port } from '../../../schema/network.ts'
import { seedNetwork } from '../seed.ts'
import { addressesView, planPorts, portReads, portsOf, releasePorts, type ServerAddress } from './plan.ts'

const project = '0123456789abcdef0123456789abcdef'
const caller: Caller = { user: { id: 'u', name: 'u', domain: { id: 'default', name: 'Default' } }, project: { id: project, name: 'p', domain: { id: 'default', name: 'Default' } }, roles: ['member', 'reader'], admin: false, token: {} }
let c: Cloud
const work = <T>(f: (ctx: Ctx) => Promise<T>) => unit({ env: c.env, world: c.world, later: { waitUntil() {} }, requestId: 'req-test', caller, rules: {}, version: 2, action: 'test', origin: '', db: c.db() }, f, async () => {}).then((r) => r.out)
const boot = (id: string) => work(async (ctx) => planPorts(ctx, { nics: 'auto' }, await ctx.read(...portReads(ctx, { nics: 'auto' }) as never), { server: id, hostname: 'My Server!' }))

beforeAll(async () => {
  c = await cloud({ seed: false, untidy: 'ports of servers that are not there' })
  await work((ctx) => seedNetwork(ctx, { project, adminProject: 'f'.repeat(32), externalCidr: '172.24.4.0/24' }))
})

describe('ports of a server', () => {
  it('get an address of the only network, in the one batch', async () => {
    const [p] = await boot('11111111-1111-4111-8111-111111111111')
    expect(p.addresses[0].address).toMatch(/^10\.20\.0\.\d+$/)
    const rows = await work(async (ctx) => (await ctx.read(portsOf(['11111111-1111-4111-8111-111111111111']) as never))[0]) as unknown as ServerAddress[]
    expect(addressesView(rows).demo[0]).toMatchObject({ addr: p.addresses[0].address, version: 4, 'OS-EXT-IPS:type': 'fixed' })
  })
  it('never share an address, however many are made at once', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => boot(`22222222-2222-4222-8222-2222222222${10 + i}`)))
    expect(new Set(all.map(([p]) => p.addresses[0].address)).size).toBe(40)
  })
  it('vanish with the server', async () => {
    await work(async (ctx) => releasePorts(ctx, '11111111-1111-4111-8111-111111111111'))
    const [rows] = await work((ctx) => ctx.read(q.select().from(port)))
    expect(rows.filter((p) => p.device === '11111111-1111-4111-8111-111111111111')).toEqual([])
  })
})
