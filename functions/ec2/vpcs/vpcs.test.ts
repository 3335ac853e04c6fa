import { expect, it } from 'vitest'
import { ec2 } from '../test-kit.ts'

const k = await ec2(), { ok, code, run, instance, filter } = k
const token = k.demo, names = (x: any[]) => x.map((t) => `${t.key}=${t.value}`)
const tags = (ResourceType: string, Name: string) => ({ TagSpecification: [{ ResourceType, Tag: [{ Key: 'Name', Value: Name }] }] })

it('a VPC is a network and its router; a subnet has a leg of that', async () => {
  const { vpc } = await ok('CreateVpc', { CidrBlock: '10.60.0.0/16', ...tags('vpc', 'mine') })
  expect(vpc).toMatchObject({ cidrBlock: '10.60.0.0/16', state: 'pending', tagSet: [{ key: 'Name', value: 'mine' }] })
  expect((await ok('DescribeVpcs', { VpcId: [vpc.vpcId] })).vpcSet).toMatchObject([{ vpcId: vpc.vpcId, state: 'available', cidrBlock: '10.60.0.0/16', cidrBlockAssociationSet: [{ cidrBlock: '10.60.0.0/16' }] }])
  const { subnet } = await ok('CreateSubnet', { VpcId: vpc.vpcId, CidrBlock: '10.60.1.0/24', ...tags('subnet', 'part') })
  expect(subnet).toMatchObject({ vpcId: vpc.vpcId, cidrBlock: '10.60.1.0/24', availableIpAddressCount: '252', availabilityZone: 'nova' })
  expect((await ok('DescribeSubnets', filter('vpc-id', vpc.vpcId))).subnetSet).toMatchObject([{ subnetId: subnet.subnetId, state: 'available', tagSet: [{ key: 'Name', value: 'part' }] }])
  const list = (await k.c.call('GET', '/network/v2.0/subnets?name=part', { token })).body.subnets
  expect([list.length, subnet.subnetId]).toEqual([1, `subnet-${list[0].id.replaceAll('-', '')}`])
  expect([await code('CreateSubnet', { VpcId: vpc.vpcId, CidrBlock: '10.60.1.0/25' }), await code('CreateSubnet', { VpcId: vpc.vpcId, CidrBlock: '10.61.0.0/24' }), await code('CreateSubnet', { VpcId: vpc.vpcId, CidrBlock: 'x' }), await code('CreateVpc', { CidrBlock: '10.0.0.0/8' }), await code('DeleteVpc', { VpcId: vpc.vpcId }), await code('DeleteVpc', { VpcId: 'vpc-12345678' }), await code('DescribeSubnets', { SubnetId: ['subnet-12345678'] })])
    .toEqual(['InvalidSubnet.Conflict', 'InvalidSubnet.Range', 'InvalidParameterValue', 'InvalidVpc.Range', 'DependencyViolation', 'InvalidVpcID.NotFound', 'InvalidSubnetID.NotFound'])
  const [id] = await run({ SubnetId: subnet.subnetId })
  expect((await ok('DescribeSubnets', { SubnetId: [subnet.subnetId] })).subnetSet[0].availableIpAddressCount).toBe('251')
  expect(await code('DeleteSubnet', { SubnetId: subnet.subnetId })).toBe('DependencyViolation')
  await ok('TerminateInstances', { InstanceId: [id] })
  await k.rest()
  await ok('DeleteSubnet', { SubnetId: subnet.subnetId })
  await ok('DeleteVpc', { VpcId: vpc.vpcId })
  expect(await code('DescribeVpcs', { VpcId: [vpc.vpcId] })).toBe('InvalidVpcID.NotFound')
})

it('networks that other APIs made are VPCs too, their gateways internet gateways', async () => {
  const [{ id }] = (await k.c.call('GET', '/network/v2.0/networks?name=demo', { token })).body.networks, vpcId = `vpc-${id.replaceAll('-', '')}`
  expect((await ok('DescribeVpcs', { VpcId: [vpcId] })).vpcSet).toMatchObject([{ cidrBlock: '10.20.0.0/24', tagSet: [{ key: 'Name', value: 'demo' }] }])
  expect((await ok('DescribeInternetGateways', filter('attachment.vpc-id', vpcId))).internetGatewaySet).toMatchObject([{ attachmentSet: [{ vpcId, state: 'available' }] }])
  expect((await ok('DescribeRouteTables', filter('vpc-id', vpcId))).routeTableSet).toMatchObject([{ associationSet: [{ main: 'true' }], routeSet: [{ destinationCidrBlock: '10.20.0.0/24', gatewayId: 'local' }, { destinationCidrBlock: '0.0.0.0/0', gatewayId: expect.stringMatching(/^igw-/) }] }])
})

it('the way out: gateway, table, route, association, and a public address', async () => {
  const { vpcId, subnetId } = await k.vpc('10.62.0.0/16', '10.62.1.0/24'), igw = (await ok('CreateInternetGateway', tags('internet-gateway', 'out'))).internetGateway.internetGatewayId
  const address = await ok('AllocateAddress', { Domain: 'vpc', ...tags('elastic-ip', 'front') }), [id] = await run({ SubnetId: subnetId })
  expect(await code('AssociateAddress', { AllocationId: address.allocationId, InstanceId: id })).toBe('Gateway.NotAttached')
  const { routeTableId: table } = (await ok('CreateRouteTable', { VpcId: vpcId })).routeTable
  expect(await code('CreateRoute', { RouteTableId: table, DestinationCidrBlock: '0.0.0.0/0', GatewayId: igw })).toBe('InvalidParameterValue')
  await ok('AttachInternetGateway', { InternetGatewayId: igw, VpcId: vpcId })
  await ok('CreateRoute', { RouteTableId: table, DestinationCidrBlock: '0.0.0.0/0', GatewayId: igw })
  const { associationId } = await ok('AssociateRouteTable', { RouteTableId: table, SubnetId: subnetId })
  expect((await ok('DescribeRouteTables', filter('association.subnet-id', subnetId))).routeTableSet).toMatchObject([{ routeTableId: table, associationSet: [{ routeTableAssociationId: associationId, main: 'false' }], routeSet: [{ gatewayId: 'local' }, { destinationCidrBlock: '0.0.0.0/0', gatewayId: igw, state: 'active' }] }])
  // A route to an instance is the router's, too.
  await ok('CreateRoute', { RouteTableId: table, DestinationCidrBlock: '192.168.7.0/24', InstanceId: id })
  const router = async () => (await k.c.call('GET', '/network/v2.0/routers', { token })).body.routers.find((r: any) => r.name.startsWith('vpc-')).routes
  expect(await router()).toEqual([{ destination: '192.168.7.0/24', nexthop: (await instance(id)).privateIpAddress }])
  expect([await code('CreateRoute', { RouteTableId: table, DestinationCidrBlock: '0.0.0.0/0', GatewayId: igw }), await code('DeleteRoute', { RouteTableId: table, DestinationCidrBlock: '9.9.9.0/24' }), await code('DeleteRouteTable', { RouteTableId: table }), await code('AttachInternetGateway', { InternetGatewayId: igw, VpcId: vpcId }), await code('DeleteInternetGateway', { InternetGatewayId: igw })]).toEqual(['RouteAlreadyExists', 'InvalidRoute.NotFound', 'DependencyViolation', 'Resource.AlreadyAssociated', 'DependencyViolation'])
  const { associationId: lead } = await ok('AssociateAddress', { AllocationId: address.allocationId, InstanceId: id })
  expect((await ok('DescribeAddresses', filter('instance-id', id))).addressesSet).toMatchObject([{ publicIp: address.publicIp, associationId: lead, tagSet: [{ key: 'Name', value: 'front' }] }])
  expect((await instance(id)).ipAddress).toBe(address.publicIp)
  expect([await code('ReleaseAddress', { AllocationId: address.allocationId }), await code('DetachInternetGateway', { InternetGatewayId: igw, VpcId: vpcId })]).toEqual(['InvalidIPAddress.InUse', 'DependencyViolation'])
  await ok('DisassociateAddress', { AssociationId: lead })
  await ok('ReleaseAddress', { AllocationId: address.allocationId })
  expect([await code('ReleaseAddress', { AllocationId: address.allocationId }), await code('DescribeAddresses', { PublicIp: ['1.2.3.4'] })]).toEqual(['InvalidAllocationID.NotFound', 'InvalidAddress.NotFound'])
  await ok('ReplaceRoute', { RouteTableId: table, DestinationCidrBlock: '192.168.7.0/24', NetworkInterfaceId: (await instance(id)).networkInterfaceSet[0].networkInterfaceId })
  await ok('DeleteRoute', { RouteTableId: table, DestinationCidrBlock: '192.168.7.0/24' })
  expect(await router()).toEqual([])
  await ok('DisassociateRouteTable', { AssociationId: associationId })
  await ok('DeleteRouteTable', { RouteTableId: table })
  await ok('DetachInternetGateway', { InternetGatewayId: igw, VpcId: vpcId })
  expect((await ok('DescribeInternetGateways', { InternetGatewayId: [igw] })).internetGatewaySet[0].attachmentSet).toEqual([])
  await ok('DeleteInternetGateway', { InternetGatewayId: igw })
  await ok('TerminateInstances', { InstanceId: [id] })
  await k.rest()
})

it('security groups and their rules', async () => {
  const { vpcId } = await k.vpc('10.63.0.0/16', '10.63.1.0/24'), { groupId } = await ok('CreateSecurityGroup', { GroupName: 'web', GroupDescription: 'the web', VpcId: vpcId, ...tags('security-group', 'w') })
  const show = async () => (await ok('DescribeSecurityGroups', { GroupId: [groupId] })).securityGroupInfo[0]
  expect(await show()).toMatchObject({ groupName: 'web', groupDescription: 'the web', vpcId, ipPermissions: [], ipPermissionsEgress: [{ ipProtocol: '-1', ipRanges: [{ cidrIp: '0.0.0.0/0' }] }] })
  const ssh = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22 }, both = [{ ...ssh, IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'home' }, { CidrIp: '192.168.0.0/16' }] }, { IpProtocol: '-1', Groups: [{ GroupId: groupId }] }]
  const made = await ok('AuthorizeSecurityGroupIngress', { GroupId: groupId, IpPermissions: both })
  expect(made.securityGroupRuleSet).toHaveLength(3)
  expect((await show()).ipPermissions).toEqual(expect.arrayContaining([expect.objectContaining({ ipProtocol: 'tcp', fromPort: '22', toPort: '22', ipRanges: expect.arrayContaining([{ cidrIp: '10.0.0.0/8', description: 'home' }, { cidrIp: '192.168.0.0/16' }]) }), expect.objectContaining({ ipProtocol: '-1', groups: [{ groupId, userId: expect.any(String) }] })]))
  expect((await ok('DescribeSecurityGroupRules', filter('group-id', groupId))).securityGroupRuleSet.length).toBeGreaterThan(3)
  expect((await ok('DescribeSecurityGroups', filter('ip-permission.cidr', '10.0.0.0/8'))).securityGroupInfo).toHaveLength(1)
  await ok('RevokeSecurityGroupIngress', { GroupId: groupId, IpPermissions: [{ ...ssh, IpRanges: [{ CidrIp: '192.168.0.0/16' }] }] })
  await ok('RevokeSecurityGroupIngress', { GroupId: groupId, SecurityGroupRuleId: [made.securityGroupRuleSet[2].securityGroupRuleId] })
  expect((await show()).ipPermissions).toHaveLength(1)
  await ok('AuthorizeSecurityGroupEgress', { GroupId: groupId, IpPermissions: [{ IpProtocol: 'udp', FromPort: 53, ToPort: 53, Ipv6Ranges: [{ CidrIpv6: '::/0' }] }] })
  await ok('RevokeSecurityGroupEgress', { GroupId: groupId, IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }] })
  expect((await show()).ipPermissionsEgress.map((p: any) => p.ipProtocol)).not.toContain('tcp')
  // As long ago, said flat and by name.
  await ok('AuthorizeSecurityGroupIngress', { GroupName: 'web', IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '0.0.0.0/0' })
  expect([
    await code('AuthorizeSecurityGroupIngress', { GroupId: groupId, IpPermissions: [{ ...ssh, IpRanges: [{ CidrIp: '10.0.0.0/8' }] }] }), await code('AuthorizeSecurityGroupIngress', { GroupId: groupId, IpPermissions: [{ ...ssh, FromPort: 99, IpRanges: [{ CidrIp: '1.0.0.0/8' }] }] }), await code('AuthorizeSecurityGroupIngress', { GroupId: groupId }), await code('AuthorizeSecurityGroupIngress', { GroupId: 'sg-12345678', IpPermissions: both }),
    await code('RevokeSecurityGroupIngress', { GroupId: groupId, IpPermissions: [{ ...ssh, IpRanges: [{ CidrIp: '7.0.0.0/8' }] }] }), await code('CreateSecurityGroup', { GroupName: 'web', GroupDescription: 'x', VpcId: vpcId }), await code('DeleteVpc', { VpcId: vpcId }), await code('DescribeSecurityGroups', { GroupName: ['none'] }), await code('DeleteSecurityGroup', { GroupName: 'default' }),
  ]).toEqual(['InvalidPermission.Duplicate', 'InvalidParameterValue', 'MissingParameter', 'InvalidGroup.NotFound', 'InvalidPermission.NotFound', 'InvalidGroup.Duplicate', 'DependencyViolation', 'InvalidGroup.NotFound', 'CannotDelete'])
  expect((await ok('DescribeSecurityGroups', filter('vpc-id', vpcId))).securityGroupInfo.map((g: any) => g.groupName).sort()).toEqual(['default', 'web'])
  await ok('DeleteSecurityGroup', { GroupId: groupId })
})

it('a network interface is made, plugged in and out, with more addresses', async () => {
  const { vpcId, subnetId } = await k.vpc('10.64.0.0/16', '10.64.1.0/24')
  const { networkInterface: made } = await ok('CreateNetworkInterface', { SubnetId: subnetId, PrivateIpAddress: '10.64.1.9', Description: 'second', SecondaryPrivateIpAddressCount: 1, ...tags('network-interface', 'n') }), eni = made.networkInterfaceId
  // The address asked for is given before any is given at random.
  const [id] = await run({ SubnetId: subnetId })
  expect(made).toMatchObject({ vpcId, status: 'available', privateIpAddress: '10.64.1.9', description: 'second' })
  const show = async () => (await ok('DescribeNetworkInterfaces', { NetworkInterfaceId: [eni] })).networkInterfaceSet[0]
  expect((await show()).privateIpAddressesSet).toHaveLength(2)
  const { attachmentId } = await ok('AttachNetworkInterface', { NetworkInterfaceId: eni, InstanceId: id, DeviceIndex: 1 })
  await k.rest()
  expect(await show()).toMatchObject({ status: 'in-use', attachment: { attachmentId, instanceId: id, deviceIndex: '1' } })
  expect((await instance(id)).networkInterfaceSet).toHaveLength(2)
  expect([await code('DeleteNetworkInterface', { NetworkInterfaceId: eni }), await code('AttachNetworkInterface', { NetworkInterfaceId: eni, InstanceId: id, DeviceIndex: 2 }), await code('CreateNetworkInterface', { SubnetId: subnetId, PrivateIpAddress: '10.64.1.9' }), await code('DetachNetworkInterface', { AttachmentId: 'eni-attach-12345678' })]).toEqual(['InvalidNetworkInterface.InUse', 'InvalidNetworkInterface.InUse', 'InvalidIPAddress.InUse', 'InvalidAttachmentID.NotFound'])
  await ok('DetachNetworkInterface', { AttachmentId: attachmentId })
  await k.rest()
  const { assignedPrivateIpAddressesSet: [more] } = await ok('AssignPrivateIpAddresses', { NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: 1 })
  expect((await show()).privateIpAddressesSet.map((a: any) => a.privateIpAddress)).toContain(more.privateIpAddress)
  await ok('UnassignPrivateIpAddresses', { NetworkInterfaceId: eni, PrivateIpAddress: [more.privateIpAddress] })
  await ok('ModifyNetworkInterfaceAttribute', { NetworkInterfaceId: eni, Description: { Value: 'other' } })
  expect((await ok('DescribeNetworkInterfaceAttribute', { NetworkInterfaceId: eni, Attribute: 'description' })).description.value).toBe('other')
  await ok('DeleteNetworkInterface', { NetworkInterfaceId: eni })
  expect(await code('DescribeNetworkInterfaces', { NetworkInterfaceId: [eni] })).toBe('InvalidNetworkInterfaceID.NotFound')
  await ok('TerminateInstances', { InstanceId: [id] })
  await k.rest()
})

it('tags are on things of every kind, told by page, and gone with them', async () => {
  const { vpcId, subnetId } = await k.vpc('10.65.0.0/16', '10.65.1.0/24'), { routeTableId } = (await ok('CreateRouteTable', { VpcId: vpcId })).routeTable
  await ok('CreateTags', { ResourceId: [vpcId, subnetId, routeTableId], Tag: [{ Key: 'env', Value: 'prod' }, { Key: 'a/b:c', Value: 'ü' }] })
  expect((await ok('DescribeTags', filter('resource-id', vpcId))).tagSet).toEqual([{ key: 'a/b:c', value: 'ü', resourceId: vpcId, resourceType: 'vpc' }, { key: 'env', value: 'prod', resourceId: vpcId, resourceType: 'vpc' }])
  expect((await ok('DescribeTags', { Filter: [{ Name: 'key', Value: ['env'] }, { Name: 'value', Value: ['pr*'] }] })).tagSet.map((t: any) => t.resourceType).sort()).toEqual(['route-table', 'subnet', 'vpc'])
  const first = await ok('DescribeTags', { MaxResults: 2, ...filter('key', 'env') })
  expect([first.tagSet.length, (await ok('DescribeTags', { MaxResults: 2, NextToken: first.nextToken, ...filter('key', 'env') })).tagSet.length]).toEqual([2, 1])
  expect((await ok('DescribeVpcs', filter('tag:env', 'prod'))).vpcSet.map((v: any) => v.vpcId)).toEqual([vpcId])
  // A name is one's own everywhere.
  await ok('CreateTags', { ResourceId: [vpcId], Tag: [{ Key: 'Name', Value: 'renamed' }] })
  expect((await k.c.call('GET', '/network/v2.0/networks?name=renamed', { token })).body.networks).toHaveLength(1)
  await ok('DeleteTags', { ResourceId: [vpcId], Tag: [{ Key: 'env', Value: 'other' }, { Key: 'a/b:c' }] })
  expect(names((await ok('DescribeVpcs', { VpcId: [vpcId] })).vpcSet[0].tagSet)).toEqual(['Name=renamed', 'env=prod'])
  expect([await code('CreateTags', { ResourceId: ['x-1'], Tag: [{ Key: 'a' }] }), await code('CreateTags', { ResourceId: ['vpc-12345678'], Tag: [{ Key: 'a' }] }), await code('CreateTags', { ResourceId: [vpcId], Tag: [{ Key: 'aws:x' }] }), await code('CreateTags', { ResourceId: [vpcId] }), await code('CreateTags', { ResourceId: [vpcId], Tag: Array.from({ length: 50 }, (_, n) => ({ Key: `k${n}`, Value: '' })) })]).toEqual(['InvalidID', 'InvalidVpcID.NotFound', 'InvalidParameterValue', 'MissingParameter', 'TagLimitExceeded'])
  // Whichever API takes the thing away.
  const [{ id }] = (await k.c.call('GET', '/network/v2.0/networks?name=renamed', { token })).body.networks
  await ok('DeleteSubnet', { SubnetId: subnetId })
  const router = (await k.c.call('GET', `/network/v2.0/routers?name=vpc-${id}`, { token })).body.routers[0].id
  await k.c.call('DELETE', `/network/v2.0/routers/${router}`, { token })
  await k.c.call('DELETE', `/network/v2.0/networks/${id}`, { token })
  expect((await ok('DescribeTags', filter('key', 'env'))).tagSet).toEqual([])
})

it('what guests of a VPC are told by DHCP: its subnets say it, those that come later too', async () => {
  const { vpcId, subnetId } = await k.vpc('10.66.0.0/16', '10.66.1.0/24'), { dhcpOptions: { dhcpOptionsId } } = await ok('CreateDhcpOptions', { DhcpConfiguration: [{ Key: 'domain-name-servers', Value: ['9.9.9.9', '1.1.1.1'] }, { Key: 'domain-name', Value: ['example.org'] }], ...tags('dhcp-options', 'own') })
  await ok('AssociateDhcpOptions', { DhcpOptionsId: dhcpOptionsId, VpcId: vpcId })
  const later = (await ok('CreateSubnet', { VpcId: vpcId, CidrBlock: '10.66.2.0/24' })).subnet.subnetId
  const servers = async () => (await k.c.call('GET', '/network/v2.0/subnets', { token })).body.subnets.filter((s: any) => [subnetId, later].includes(`subnet-${s.id.replaceAll('-', '')}`)).map((s: any) => s.dns_nameservers)
  expect(await servers()).toEqual([['9.9.9.9', '1.1.1.1'], ['9.9.9.9', '1.1.1.1']])
  expect((await ok('DescribeDhcpOptions', filter('value', '9.9.9.9'))).dhcpOptionsSet).toMatchObject([{ dhcpOptionsId, dhcpConfigurationSet: [{ key: 'domain-name-servers', valueSet: [{ value: '9.9.9.9' }, { value: '1.1.1.1' }] }, { key: 'domain-name' }], tagSet: [{ key: 'Name', value: 'own' }] }])
  expect((await ok('DescribeVpcs', filter('dhcp-options-id', dhcpOptionsId))).vpcSet.map((v: any) => v.vpcId)).toEqual([vpcId])
  expect([await code('DeleteDhcpOptions', { DhcpOptionsId: dhcpOptionsId }), await code('CreateDhcpOptions', { DhcpConfiguration: [{ Key: 'ntp-servers', Value: ['1.2.3.4'] }] }), await code('CreateDhcpOptions', { DhcpConfiguration: [{ Key: 'domain-name-servers', Value: ['x'] }] }), await code('AssociateDhcpOptions', { DhcpOptionsId: 'dopt-12345678', VpcId: vpcId })]).toEqual(['DependencyViolation', 'UnsupportedOperation', 'InvalidParameterValue', 'InvalidDhcpOptionsID.NotFound'])
  await ok('AssociateDhcpOptions', { DhcpOptionsId: 'default', VpcId: vpcId })
  expect(await servers()).toEqual([[], []])
  await ok('DeleteDhcpOptions', { DhcpOptionsId: dhcpOptionsId })
  expect(await code('DescribeDhcpOptions', { DhcpOptionsId: [dhcpOptionsId] })).toBe('InvalidDhcpOptionsID.NotFound')
})
