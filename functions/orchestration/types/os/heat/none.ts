import { resourceType } from '../../provider.ts'

export default resourceType({
  name: 'OS::Heat::None', description: 'Takes every property, does nothing, and every attribute of it is nothing.', support: { status: 'SUPPORTED', version: '5.0.0' },
  open: true, properties: {}, attributes: { '*': { own: true, of: () => null } }, create: (r) => ({ id: r.uniqueName() }), update: () => ({}), signal: () => ({}),
})
