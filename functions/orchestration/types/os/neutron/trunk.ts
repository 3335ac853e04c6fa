import { boolean, integer, list, live, map, oneOf, range, required, resourceType, text, type Work } from '../../provider.ts'
import { attribute, NET, piece } from './pieces.ts'

interface Sub { port: string; segmentation_type: string; segmentation_id: number }
const document = piece({
  path: '/trunks', key: 'trunk', wire: { port: 'port_id' }, cleared: { description: '', admin_state_up: true },
  shape: (b) => (b.sub_ports ? { ...b, sub_ports: b.sub_ports.map(wire) } : b),
})
const wire = ({ port, ...s }: Sub) => ({ port_id: port, ...s })
const member = (r: Work, verb: 'add' | 'remove', sub_ports: unknown[]) => r.call({ ...NET, method: 'PUT', path: `/trunks/${r.resource.physicalId}/${verb}_subports`, body: { sub_ports } })
const equal = (a: Sub, b: { port_id: string; segmentation_id: number }) => a.port === b.port_id && a.segmentation_id === b.segmentation_id

export default resourceType({
  name: 'OS::Neutron::Trunk', description: 'A port that carries several networks, told apart by tags.', support: { status: 'SUPPORTED', version: '9.0.0' },
  properties: {
    name: text(live), port: text({ ...required, update: 'never', find: 'neutron.port' }), description: text(live), admin_state_up: boolean(live),
    sub_ports: list(map({ port: text({ ...required, find: 'neutron.port' }), segmentation_type: text({ ...required, ...oneOf('vlan') }), segmentation_id: integer({ ...required, ...range(1, 4094) }) }), live),
  },
  attributes: { port_id: attribute() },
  ...document,
  /** What left has left by now: the rest may come. */
  async ready(r) {
    const { trunk } = await r.call({ ...NET, method: 'GET', path: `/trunks/${r.resource.physicalId}` })
    const lacking = ((r.properties.sub_ports ?? []) as Sub[]).filter((s) => !trunk.sub_ports.some((h: any) => equal(s, h)))
    if (lacking.length) await member(r, 'add', lacking.map(wire))
    return {}
  },
  async update(r, change) {
    const p = await document.update!(r, { ...change, changed: change.changed.filter((k) => k !== 'sub_ports') })
    if (!change.changed.includes('sub_ports')) return p
    const { trunk } = await r.call({ ...NET, method: 'GET', path: `/trunks/${r.resource.physicalId}` }), wanted = (change.after.sub_ports ?? []) as Sub[]
    const gone = trunk.sub_ports.filter((h: any) => !wanted.some((s) => equal(s, h)))
    if (gone.length) await member(r, 'remove', gone.map((h: any) => ({ port_id: h.port_id })))
    return { ...(p as object), again: true }
  },
})
