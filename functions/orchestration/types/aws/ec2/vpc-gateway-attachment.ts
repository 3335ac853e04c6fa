import { invalid } from '../../../../kernel/fault.ts'
import { resourceType, text } from '../../provider.ts'
import { ec2, put, unlessGone, vpcRouter } from './pieces.ts'

export default resourceType({
  name: 'AWS::EC2::VPCGatewayAttachment', description: 'Gives the router of a VPC an external gateway.', support: { status: 'SUPPORTED' },
  properties: { VpcId: text({ required: true, find: 'neutron.network' }), InternetGatewayId: text(), VpnGatewayId: text() },
  attributes: { AttachmentType: { type: 'String', own: true, of: () => 'IGW' } },
  validate(p) { if (p.VpnGatewayId !== undefined) throw invalid('VPN gateways are not supported; attach an InternetGatewayId.'); if (p.InternetGatewayId === undefined) throw invalid('Either InternetGatewayId or VpnGatewayId must be specified.') },
  async create(r) {
    const router = await vpcRouter(r, r.properties.VpcId)
    await ec2(r, 'AttachInternetGateway', { InternetGatewayId: r.properties.InternetGatewayId, VpcId: r.properties.VpcId })
    return { id: `IGW|${r.properties.VpcId}`, data: { router: router.id } }
  },
  show: (r) => vpcRouter(r, r.properties.VpcId),
  async remove(r) {
    const { router } = r.resource.data
    if (router) await unlessGone(() => put(r, `/routers/${router}`, { router: { external_gateway_info: null } }))
  },
})
