import { invalid } from '../../../../kernel/fault.ts'
import { length, live, map, oneOf, resourceType, text } from '../../provider.ts'
import { TRANSPORTS } from '../nova/server-schema.ts'
import { collectConfig } from '../nova/user-data.ts'

export default resourceType({
  name: 'OS::Heat::DeployedServer', description: 'A machine that is there already: its agents ask for deployments as those of a server do.', support: { status: 'SUPPORTED' },
  properties: {
    name: text(live), metadata: map(undefined, { ...live, ignored: true }), software_config_transport: text({ default: 'POLL_TEMP_URL', ...live, ...oneOf(...TRANSPORTS) }),
    deployment_swift_data: map({ container: text(length(1)), object: text(length(1)) }, { default: {}, ...live, description: 'Without effect: what agents read comes from the orchestration service itself.' }),
  },
  attributes: { name: { type: 'String', own: true, of: (_, r) => r.properties.name ?? r.resource.data.name }, os_collect_config: { type: 'Map', own: true, of: (_, r) => r.resource.data.collect ?? {} } },
  validate(p) { if (p.software_config_transport === 'ZAQAR_MESSAGE') throw invalid('software_config_transport ZAQAR_MESSAGE needs a messaging service, which this cloud has not.') },
  async create(r) { return { id: r.resource.id, data: { name: r.uniqueName(), collect: await collectConfig(r) } } },
  update: () => ({}),
})
