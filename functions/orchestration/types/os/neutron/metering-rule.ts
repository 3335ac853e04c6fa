import { boolean, oneOf, required, resourceType, text } from '../../provider.ts'
import { bare, of, same } from './pieces.ts'

const { update: _, ...document } = bare({ path: '/metering/metering-label-rules', key: 'metering_label_rule' })
export default resourceType({
  name: 'OS::Neutron::MeteringRule', description: 'What a metering label counts.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: { metering_label_id: text(required), remote_ip_prefix: text(required), direction: text({ default: 'ingress', ...oneOf('ingress', 'egress') }), excluded: boolean({ default: false }) },
  attributes: { ...same('direction', 'metering_label_id', 'remote_ip_prefix'), excluded: of('String', (s) => s.excluded) },
  ...document,
})
