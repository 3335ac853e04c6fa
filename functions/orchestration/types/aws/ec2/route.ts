import { invalid } from '../../../../kernel/fault.ts'
import { resourceType, text } from '../../provider.ts'
import { afterTypes, ec2, GATEWAY, unlessGone } from './pieces.ts'

const TARGETS = ['GatewayId', 'InstanceId', 'NetworkInterfaceId']

export default resourceType({
  name: 'AWS::EC2::Route', description: 'A route of a VPC: to the way out, an instance or a network interface.', support: { status: 'SUPPORTED' },
  properties: { RouteTableId: text({ required: true }), DestinationCidrBlock: text(), DestinationIpv6CidrBlock: text(), GatewayId: text(), InstanceId: text(), NetworkInterfaceId: text() },
  attributes: { CidrBlock: { type: 'String', own: true, of: (_, r) => r.properties.DestinationCidrBlock ?? r.properties.DestinationIpv6CidrBlock } },
  after: afterTypes(GATEWAY, 'AWS::EC2::Subnet'),
  validate(p) {
    if (TARGETS.filter((k) => p[k] !== undefined).length !== 1) throw invalid(`Exactly one of ${TARGETS.join(', ')} must be specified.`)
    if ((p.DestinationCidrBlock === undefined) === (p.DestinationIpv6CidrBlock === undefined)) throw invalid('Exactly one of DestinationCidrBlock and DestinationIpv6CidrBlock must be specified.')
  },
  async create(r) {
    const { RouteTableId, DestinationCidrBlock, DestinationIpv6CidrBlock, GatewayId, InstanceId, NetworkInterfaceId } = r.properties, id = `${RouteTableId}|${DestinationCidrBlock ?? DestinationIpv6CidrBlock}`
    // What is local every table knows.
    if (GatewayId !== 'local') await ec2(r, 'CreateRoute', { RouteTableId, DestinationCidrBlock, DestinationIpv6CidrBlock, GatewayId, InstanceId, NetworkInterfaceId })
    return { id }
  },
  show: async (r) => { const { routeTableSet: [table] } = await ec2(r, 'DescribeRouteTables', { RouteTableIds: [r.properties.RouteTableId] }); return table },
  async remove(r) {
    const { RouteTableId, DestinationCidrBlock, DestinationIpv6CidrBlock, GatewayId } = r.properties
    if (r.resource.physicalId && GatewayId !== 'local') await unlessGone(() => ec2(r, 'DeleteRoute', { RouteTableId, DestinationCidrBlock, DestinationIpv6CidrBlock }))
  },
})
