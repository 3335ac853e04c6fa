import { resourceType, text } from '../../provider.ts'
import { tags, vpcRouter } from './pieces.ts'

/** Routes of all tables of a VPC are its router's: the table is a name under which they are kept. */
export const tableId = (router: string, own: string) => `rtb-${router}-${own.slice(0, 8)}`
export const tableRouter = (id: string) => /^rtb-([0-9a-f-]{36})-[0-9a-f]{8}$/.exec(id)?.[1]

export default resourceType({
  name: 'AWS::EC2::RouteTable', description: 'Routes of a VPC. There is one router per VPC: the routes of its tables hold for all of its subnets.', support: { status: 'SUPPORTED' },
  properties: { VpcId: text({ required: true, find: 'neutron.network' }), Tags: tags },
  attributes: { RouteTableId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  async create(r) { return { id: tableId((await vpcRouter(r, r.properties.VpcId)).id, r.resource.id) } },
  update: () => ({}),
  show: (r) => vpcRouter(r, r.properties.VpcId),
})
