import { beforeAll, describe, expect, it } from 'vitest'
import { cloud } from '../../../tests/harness/cloud.ts'
import { must, operator } from '../test-kit.ts'

let op: Awaited<ReturnType<typeof operator>>
/** Two trees with virtual functions on children, one bare host, a lender of disk in the aggregate of the first two roots. */
const at: Record<string, string> = {}
const group = crypto.randomUUID(), other = crypto.randomUUID()
const name = (id: string) => Object.entries(at).find(([, v]) => v === id)?.[0] ?? id
beforeAll(async () => {
  op = await operator(await cloud())
  at.a = await op.provider('a', { VCPU: 8, MEMORY_MB: 1000 }, { traits: ['HW_CPU_X86_VMX'], aggregates: [group] })
  at.a1 = await op.provider('a1', { SRIOV_NET_VF: 4 }, { parent: at.a, traits: ['HW_NIC_SRIOV'] })
  at.a2 = await op.provider('a2', { SRIOV_NET_VF: 4 }, { parent: at.a })
  at.b = await op.provider('b', { VCPU: 4, MEMORY_MB: 1000 }, { aggregates: [group, other] })
  at.b1 = await op.provider('b1', { SRIOV_NET_VF: 1 }, { parent: at.b, traits: ['HW_NIC_SRIOV'] })
  at.c = await op.provider('c', { VCPU: 4, MEMORY_MB: 1000, DISK_GB: 50 })
  at.d = await op.provider('d', { DISK_GB: 1000 }, { traits: ['MISC_SHARES_VIA_AGGREGATE'], aggregates: [group] })
})
const ask = (query: string, version?: string) => op.ask('GET', `/allocation_candidates?${query}`, undefined, version)
/** Each way as `a:VCPU=1 d:DISK_GB=10`. */
async function ways(query: string, version?: string): Promise<string[]> {
  const { body } = await must(ask(query, version))
  return body.allocation_requests.map((r: { allocations: Record<string, { resources: Record<string, number> }> }) => Object.entries(r.allocations).flatMap(([id, x]) => Object.entries(x.resources).map(([k, n]) => `${name(id)}:${k}=${n}`)).sort().join(' ')).sort()
}

describe('allocation candidates', () => {
  it('are providers with room, in the shape of their version', async () => {
    const list = (await must(ask('resources=VCPU:5', '1.10'))).body
    expect(list.allocation_requests).toEqual([{ allocations: [{ resource_provider: { uuid: at.a }, resources: { VCPU: 5 } }] }])
    expect(list.provider_summaries).toEqual({ [at.a]: { resources: { VCPU: { capacity: 8, used: 0 } } } })
    const now = (await must(ask('resources=VCPU:5'))).body
    expect(now.allocation_requests).toEqual([{ allocations: { [at.a]: { resources: { VCPU: 5 } } }, mappings: { '': [at.a] } }])
    expect(Object.keys(now.provider_summaries).map(name).sort()).toEqual(['a', 'a1', 'a2'])
    expect(now.provider_summaries[at.a]).toEqual({ resources: { VCPU: { capacity: 8, used: 0 }, MEMORY_MB: { capacity: 1000, used: 0 } }, traits: ['HW_CPU_X86_VMX'], parent_provider_uuid: null, root_provider_uuid: at.a })
    expect((await must(ask('resources=VCPU:9'))).body).toEqual({ allocation_requests: [], provider_summaries: {} })
  })
  it('spread the group without suffix over a tree and who lends to it', async () => {
    expect(await ways('resources=VCPU:1,DISK_GB:10')).toEqual(['a:VCPU=1 d:DISK_GB=10', 'b:VCPU=1 d:DISK_GB=10', 'c:DISK_GB=10 c:VCPU=1'])
    expect(await ways('resources=VCPU:1,SRIOV_NET_VF:2')).toEqual(['a1:SRIOV_NET_VF=2 a:VCPU=1', 'a2:SRIOV_NET_VF=2 a:VCPU=1'])
    expect(await ways('resources=VCPU:1,SRIOV_NET_VF:2', '1.28')).toEqual([])
    expect(await ways('resources=VCPU:1,SRIOV_NET_VF:1&required=HW_NIC_SRIOV,HW_CPU_X86_VMX')).toEqual(['a1:SRIOV_NET_VF=1 a:VCPU=1'])
    expect(await ways('resources=VCPU:1&required=!HW_CPU_X86_VMX')).toEqual(['b:VCPU=1', 'c:VCPU=1'])
    expect(await ways('resources=DISK_GB:10')).toEqual(['c:DISK_GB=10', 'd:DISK_GB=10'])
  })
  it('keep to aggregates and trees', async () => {
    expect(await ways(`resources=VCPU:1&member_of=${group}`)).toEqual(['a:VCPU=1', 'b:VCPU=1'])
    expect(await ways(`resources=VCPU:1&member_of=${group}&member_of=!${other}`)).toEqual(['a:VCPU=1'])
    expect(await ways(`resources=VCPU:1,SRIOV_NET_VF:1&member_of=${other}`)).toEqual(['b1:SRIOV_NET_VF=1 b:VCPU=1'])
    expect(await ways(`resources=VCPU:1&in_tree=${at.b1}`)).toEqual(['b:VCPU=1'])
    expect(await ways(`resources=VCPU:1&in_tree=${crypto.randomUUID()}`)).toEqual([])
    expect(await ways('resources=VCPU:1&root_required=!HW_CPU_X86_VMX')).toEqual(['b:VCPU=1', 'c:VCPU=1'])
  })
  it('meet each group with a suffix from one provider, apart if so wished', async () => {
    expect(await ways('resources=VCPU:1&resources1=SRIOV_NET_VF:1&required1=HW_NIC_SRIOV')).toEqual(['a1:SRIOV_NET_VF=1 a:VCPU=1', 'b1:SRIOV_NET_VF=1 b:VCPU=1'])
    expect(await ways('resources1=SRIOV_NET_VF:2&resources2=SRIOV_NET_VF:3&group_policy=isolate')).toEqual(['a1:SRIOV_NET_VF=2 a2:SRIOV_NET_VF=3', 'a1:SRIOV_NET_VF=3 a2:SRIOV_NET_VF=2'])
    expect(await ways('resources1=SRIOV_NET_VF:2&resources2=SRIOV_NET_VF:2&group_policy=none')).toContain('a1:SRIOV_NET_VF=4')
    expect(await ways('resources1=SRIOV_NET_VF:2&resources2=SRIOV_NET_VF:3&group_policy=none')).not.toContain('a1:SRIOV_NET_VF=5')
    const { mappings } = (await must(ask('resources=VCPU:1&resources_NIC-1=SRIOV_NET_VF:1&required_NIC-1=HW_NIC_SRIOV&limit=1'))).body.allocation_requests[0]
    expect(mappings).toEqual({ '': [at.a], '_NIC-1': [at.a1] })
  })
  it('keep groups in one subtree, with providers that give nothing', async () => {
    expect(await ways('resources_A=SRIOV_NET_VF:1&resources_B=VCPU:1&required_B=HW_CPU_X86_VMX&same_subtree=_A,_B&group_policy=none')).toEqual(['a1:SRIOV_NET_VF=1 a:VCPU=1', 'a2:SRIOV_NET_VF=1 a:VCPU=1'])
    expect(await ways('resources_A=SRIOV_NET_VF:1&resources_B=SRIOV_NET_VF:1&same_subtree=_A,_B&group_policy=isolate')).toEqual([])
    expect(await ways('resources_A=SRIOV_NET_VF:1&required_R=HW_CPU_X86_VMX&same_subtree=_A,_R&group_policy=none')).toEqual(['a1:SRIOV_NET_VF=1', 'a2:SRIOV_NET_VF=1'])
  })
  it('count what is held, and are as many as asked for', async () => {
    await must(op.hold(crypto.randomUUID(), { [at.a]: { VCPU: 6 } }))
    expect(await ways('resources=VCPU:3')).toEqual(['b:VCPU=3', 'c:VCPU=3'])
    const one = (await must(ask('resources=VCPU:1&limit=1'))).body
    expect(one.allocation_requests).toHaveLength(1)
    expect(Object.keys(one.provider_summaries).map(name)).toEqual(['a', 'a1', 'a2'])
  })
  it.each([
    ['', undefined], ['resources=', undefined], ['resources=VCPU', undefined], ['resources=VCPU:0', undefined], ['resources=NONE:1', undefined], ['resources=VCPU:1&limit=0', undefined], ['resources=VCPU:1&strange=1', undefined],
    ['resources=VCPU:1&limit=1', '1.15'], ['resources=VCPU:1&required=HW_NIC_SRIOV', '1.16'], ['resources=VCPU:1&required=!HW_NIC_SRIOV', '1.21'], ['resources1=VCPU:1', '1.24'], ['resources_A=VCPU:1', '1.32'],
    ['resources1=VCPU:1&resources2=VCPU:1', undefined], ['resources=VCPU:1&required1=HW_NIC_SRIOV', undefined], ['resources=VCPU:1&required=NO_TRAIT', undefined], ['resources=VCPU:1&required=HW_NIC_SRIOV,!HW_NIC_SRIOV', undefined],
    ['resources=VCPU:1&group_policy=maybe', undefined], ['resources_A=VCPU:1&same_subtree=_X', undefined], ['resources=VCPU:1&in_tree=x', undefined], ['resources=VCPU:1&member_of=a,b', undefined],
  ])('refuse %s (%s)', async (query, version) => { expect((await ask(query, version)).status).toBe(400) })
})
