import { boolean, resourceType, text } from '../../provider.ts'
import { of, piece, same } from './pieces.ts'

const { update: _, ...document } = piece({ path: '/metering/metering-labels', key: 'metering_label' })
export default resourceType({
  name: 'OS::Neutron::MeteringLabel', description: 'Counts what routers carry, by rules.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: { name: text(), description: text(), shared: boolean({ default: false }) },
  attributes: { ...same('name', 'description'), shared: of('String', (s) => s.shared) },
  ...document,
})
