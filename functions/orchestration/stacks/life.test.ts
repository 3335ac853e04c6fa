import { describe, expect, it } from 'vitest'
import { stackResource } from '../../../schema/orchestration.ts'
import { q } from '../../kernel/db.ts'
import { hot, stacks } from '../test-kit.ts'

const k = await stacks()

describe('a stack', () => {
  it('with a network and a server is made, shows its outputs, and is deleted without a trace', async () => {
    const s = await k.create(hot({
      net: { type: 'OS::Neutron::Net', properties: { name: 'n1' } },
      word: { type: 'OS::Heat::RandomString', properties: { length: 8 } },
      server: { type: 'OS::Nova::Server', depends_on: 'net', properties: { name: { 'str_replace': { template: 's-WORD', params: { WORD: { get_resource: 'word' } } } }, image: 'tiny', flavor: 'm1.nano', networks: [{ network: 'demo' }] } },
    }, { outputs: { address: { value: { get_attr: ['server', 'first_address'] } }, net: { value: { get_resource: 'net' } }, status: { value: { get_attr: ['net', 'status'] } } } }))
    expect([s.stack_status, s.stack_status_reason]).toEqual(['CREATE_COMPLETE', 'Stack CREATE completed successfully'])
    const out = Object.fromEntries(s.outputs.map((o: any) => [o.output_key, o.output_value]))
    expect(out).toEqual({ address: expect.stringMatching(/^10\.20\.0\.\d+$/), net: expect.stringMatching(/^[0-9a-f-]{36}$/), status: 'ACTIVE' })
    const { servers } = (await k.c.call('GET', '/compute/v2.1/servers', { token: k.demo })).body
    expect(servers).toHaveLength(1)
    expect(servers[0].name).toMatch(/^s-\w{8}$/)
    const gone = await k.remove(s)
    expect(gone.stack_status).toBe('DELETE_COMPLETE')
    expect((await k.c.call('GET', '/compute/v2.1/servers', { token: k.demo })).body.servers).toEqual([])
    expect((await k.c.call('GET', `/network/v2.0/networks/${out.net}`, { token: k.demo })).status).toBe(404)
    expect((await k.c.db().read([q.select().from(stackResource)]))[0]).toEqual([])
  })
})
