import { boolean, live, resourceType, text } from '../../provider.ts'
import { attribute, piece, project } from './pieces.ts'

export default resourceType({
  name: 'OS::Neutron::QoSPolicy', description: 'What ports and networks under it get of the line.', support: { status: 'SUPPORTED', version: '6.0.0' },
  properties: { name: text(live), description: text(live), shared: boolean({ default: false, ...live }), tenant_id: project },
  attributes: { rules: attribute('List') },
  ...piece({ path: '/qos/policies', key: 'policy', cleared: { description: '' } }),
})
