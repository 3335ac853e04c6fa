import { eq } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { saga } from '../../../../../schema/kernel.ts'
import { q } from '../../../../kernel/db.ts'
import { table, type Row } from '../table-kit.ts'

const t = await table(), ref = (name: string) => ({ get_resource: name }), project = t.k.project, id = expect.stringMatching(/^[0-9a-f-]{36}$/)
const vol = (more = {}) => ({ type: 'OS::Cinder::Volume', properties: { size: 1, ...more } }), type = (more = {}) => ({ type: 'OS::Cinder::VolumeType', properties: { name: `t-${crypto.randomUUID().slice(0, 8)}`, ...more } })
const server = { type: 'OS::Nova::Server', properties: { image: 'tiny', flavor: 'm1.nano', networks: [{ allocate_network: 'none' }] } }
const rows: Row[] = [
  {
    type: 'OS::Cinder::Volume', at: '/volume/v3/volumes/{id}', key: 'volume', around: { kind: type() }, properties: { size: 1, name: 'v', description: 'd', metadata: { a: 'b' }, image: 'tiny', read_only: true },
    shown: { size: 1, name: 'v', description: 'd', metadata: { a: 'b', readonly: 'True' }, status: 'available', bootable: 'true' }, attributes: { size: '1', display_name: 'v', status: 'available', bootable: 'true', attachments_list: [], metadata_values: { a: 'b' } },
    steps: [[{ name: 'w' }, { name: 'w' }], [{ description: undefined }, { description: '' }], [{ metadata: { c: 'd' } }, { metadata: { c: 'd' } }], [{ size: 3 }, { size: 3 }], [{ volume_type: ref('kind') }, { volume_type: expect.stringMatching(/^t-/) }], [{ read_only: false }, { metadata: { readonly: 'False' } }]], untried: { backup_id: 'in a test of its own' },
  },
  { type: 'OS::Cinder::Volume', at: '/volume/v3/volumes/{id}', key: 'volume', around: { first: vol() }, properties: { source_volid: ref('first') }, shown: { source_volid: id, size: 1 }, untried: Object.fromEntries(['size', 'backup_id', 'name', 'description', 'volume_type', 'metadata', 'read_only'].map((k) => [k, 'above'])) },
  {
    type: 'OS::Cinder::VolumeAttachment', moves: true, at: '/volume/v3/volumes/{v1}', key: 'volume', around: { server, other: server, v1: vol(), v2: vol() }, properties: { instance_uuid: ref('server'), volume_id: ref('v1'), mountpoint: '/dev/vdc' }, shown: { status: 'in-use' },
    steps: [[{ volume_id: ref('v2') }, { status: 'available' }], [{ volume_id: ref('v1') }, { status: 'in-use' }], [{ instance_uuid: ref('other') }, { status: 'in-use' }], [{ mountpoint: '/dev/vdd' }, { status: 'in-use' }]],
  },
  { type: 'OS::Cinder::VolumeType', at: '/volume/v3/types/{id}', key: 'volume_type', properties: { name: 'fast', metadata: { k: 'v', l: 'w' }, is_public: false, projects: [project] }, shown: { name: 'fast', extra_specs: { k: 'v', l: 'w' }, is_public: false }, steps: [[{ name: 'faster' }, { name: 'faster' }], [{ description: 'd' }, { description: 'd' }], [{ metadata: { l: 'x' } }, { extra_specs: { l: 'x' } }], [{ projects: [] }], [{ is_public: true }, { is_public: true }], [{ is_public: false, projects: [project] }, { is_public: false }]] },
  { type: 'OS::Cinder::QoSSpecs', at: '/volume/v3/qos-specs/{id}', key: 'qos_specs', properties: { name: 'q', specs: { foo: 'bar', baz: 1 } }, shown: { name: 'q', specs: { foo: 'bar', baz: '1' } }, steps: [[{ specs: { foo: 'new', more: 'x' } }, { specs: { foo: 'new', more: 'x' } }]] },
  { type: 'OS::Cinder::QoSAssociation', at: '/volume/v3/qos-specs/{specs}/associations', key: 'qos_associations', around: { specs: { type: 'OS::Cinder::QoSSpecs', properties: { specs: { a: 'b' } } }, one: type(), two: type() }, properties: { qos_specs: ref('specs'), volume_types: [ref('one')] }, shown: { length: 1 } as never, steps: [[{ volume_types: [ref('one'), ref('two')] }, { length: 2 } as never], [{ volume_types: [ref('two')] }, { length: 1 } as never]] },
  { type: 'OS::Cinder::Quota', at: `/volume/v3/os-quota-sets/${project}`, key: 'quota_set', properties: { project, volumes: 5 }, shown: { volumes: 5 }, after: { volumes: 10 }, steps: ['gigabytes', 'volumes', 'snapshots', 'backups', 'backup_gigabytes'].map((q, i) => [{ [q]: 30 + i }, { [q]: 30 + i }]) },
]
describe.each(rows.map((r) => [r.type, r] as const))('%s', (_, row) => { it('is made, shown, changed and taken away', () => t.live(row), 90_000) })

const hot = (resources: Record<string, unknown>) => ({ heat_template_version: '2021-04-16', resources })
it('OS::Cinder::EncryptedVolumeType follows what the volume service says', async () => {
  const s = await t.make(hot({ kind: type(), it: { type: 'OS::Cinder::EncryptedVolumeType', properties: { provider: 'luks', cipher: 'aes-xts-plain64', key_size: 256, volume_type: ref('kind') } } }))
  expect(t.why(s)).toMatch(/^CREATE_(COMPLETE|FAILED: Resource CREATE failed: .*encrypt)/i)
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
})
it('a volume that is to be kept leaves its content behind', async () => {
  const s = await t.make(hot({ it: { ...vol({ name: 'precious' }), deletion_policy: 'Snapshot' } }))
  expect(t.why(s)).toMatch(/^CREATE_COMPLETE/)
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
  const { backups } = (await t.c.call('GET', '/volume/v3/backups/detail', { token: t.k.admin })).body, { volumes } = (await t.c.call('GET', '/volume/v3/volumes', { token: t.k.admin })).body
  expect([backups.map((b: any) => [b.name, b.status]), volumes.filter((v: any) => v.name === 'precious')]).toEqual([[['precious-kept', 'available']], []])

  // It may be brought back, as a volume or into one.
  const back = await t.make(hot({ it: { type: 'OS::Cinder::Volume', properties: { backup_id: 'precious-kept', name: 'again' } } }))
  expect(t.why(back)).toMatch(/^CREATE_COMPLETE/)
  const [into, restores] = [await t.make(hot({ it: vol({ size: 2 }) })), async () => (await t.c.db().read([q.select().from(saga).where(eq(saga.kind, 'backup.restore'))]))[0].map((r) => [r.lane, r.state])]
  expect(t.why(await t.change(into, hot({ it: vol({ size: 2, backup_id: backups[0].id }) })))).toMatch(/^UPDATE_COMPLETE/)
  const ids = await Promise.all([back, into].map(async (one) => (await t.resource(one)).physical_resource_id as string))
  expect([(await restores()).sort(), (await t.c.call('GET', `/volume/v3/volumes/${ids[0]}`, { token: t.k.admin })).body.volume]).toMatchObject([ids.map((id) => [id, 'done']).sort(), { size: 1, name: 'again', status: 'available' }])
  for (const one of [back, into]) expect(t.why(await t.drop(one))).toMatch(/^DELETE_COMPLETE/)
})
it('a smaller volume is refused, and the stack says so', async () => {
  const s = await t.make(hot({ it: vol({ size: 2 }) })), after = await t.change(s, hot({ it: vol() }))
  expect(t.why(after)).toMatch(/^UPDATE_FAILED: .*Shrinking volume is not supported/)
  await t.drop(s)
})
