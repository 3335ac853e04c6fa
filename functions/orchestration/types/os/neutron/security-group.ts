import { invalid } from '../../../../kernel/fault.ts'
import { boolean, live, resourceType, text } from '../../provider.ts'
import { piece } from './pieces.ts'
import { reconcile, ruleList } from './rules.ts'

const document = piece({ path: '/security-groups', key: 'security_group', local: ['rules'], cleared: { description: '', stateful: true } })
export default resourceType({
  name: 'OS::Neutron::SecurityGroup', description: 'Rules for what may reach ports, and leave them.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: { name: text(live), description: text(live), rules: ruleList, stateful: boolean(live) },
  attributes: {},
  validate(p) { if (p.name === 'default') throw invalid('Security groups cannot be assigned the name "default".') },
  ...document,
  async create(r) {
    const p = await document.create(r)
    return r.properties.rules.length ? { ...p, again: true } : p
  },
  async ready(r) {
    if (r.resource.physicalId) await reconcile(r, r.resource.physicalId, r.properties.rules)
    return {}
  },
  async update(r, change) {
    const p = await document.update!(r, { ...change, changed: change.changed.filter((k) => k !== 'rules') })
    if (change.changed.includes('rules')) await reconcile(r, r.resource.physicalId!, change.after.rules ?? [])
    return p
  },
})
