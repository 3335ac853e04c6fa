import { expect, it } from 'vitest'
import { signer, type Signer } from '../aws/test-kit.ts'
import { ec2 } from './test-kit.ts'

const k = await ec2(), { ok, run, c } = k, admin = await c.admin()
const { subnetId, vpcId } = await k.vpc()
/** A user with a role in a project. */
async function somebody(name: string, project: string, role: string): Promise<Signer> {
  const user = (await c.call('POST', '/identity/v3/users', { token: admin, body: { user: { name, password: 'a-long-password', domain_id: 'default' } } })).body.user.id, id = (await c.call('GET', `/identity/v3/roles?name=${role}`, { token: admin })).body.roles[0].id
  const where = (await c.call('GET', `/identity/v3/projects?name=${project}`, { token: admin })).body.projects[0]?.id ?? (await c.call('POST', '/identity/v3/projects', { token: admin, body: { project: { name: project, domain_id: 'default' } } })).body.project.id
  await c.call('PUT', `/identity/v3/projects/${where}/users/${user}/roles/${id}`, { token: admin })
  return signer(c, await c.login(name, 'a-long-password', project))
}

it('what is another project\'s is not there, to be seen, changed or used', async () => {
  const other = await somebody('stranger', 'elsewhere', 'member'), [id] = await run({ SubnetId: subnetId }), { volumeId } = await ok('CreateVolume', { AvailabilityZone: 'nova', Size: 1 }), { groupId } = await ok('CreateSecurityGroup', { GroupName: 'g', GroupDescription: 'g', VpcId: vpcId }), { allocationId } = await ok('AllocateAddress'), igw = (await ok('CreateInternetGateway')).internetGateway.internetGatewayId, { routeTableId } = (await ok('CreateRouteTable', { VpcId: vpcId })).routeTable
  await k.rest()
  const tries: [string, Record<string, unknown>, string][] = [
    ['DescribeInstances', { InstanceId: [id] }, 'InvalidInstanceID.NotFound'], ['TerminateInstances', { InstanceId: [id] }, 'InvalidInstanceID.NotFound'], ['GetConsoleOutput', { InstanceId: id }, 'InvalidInstanceID.NotFound'], ['DescribeInstanceAttribute', { InstanceId: id, Attribute: 'userData' }, 'InvalidInstanceID.NotFound'], ['CreateTags', { ResourceId: [id], Tag: [{ Key: 'a', Value: 'b' }] }, 'InvalidInstanceID.NotFound'],
    ['DeleteVolume', { VolumeId: volumeId }, 'InvalidVolume.NotFound'], ['CreateSnapshot', { VolumeId: volumeId }, 'InvalidVolume.NotFound'], ['DeleteSecurityGroup', { GroupId: groupId }, 'InvalidGroup.NotFound'], ['ReleaseAddress', { AllocationId: allocationId }, 'InvalidAllocationID.NotFound'], ['DeleteVpc', { VpcId: vpcId }, 'InvalidVpcID.NotFound'], ['CreateSubnet', { VpcId: vpcId, CidrBlock: '10.50.9.0/24' }, 'InvalidVpcID.NotFound'], ['DeleteSubnet', { SubnetId: subnetId }, 'InvalidSubnetID.NotFound'],
    ['AttachInternetGateway', { InternetGatewayId: igw, VpcId: vpcId }, 'InvalidInternetGatewayID.NotFound'], ['DeleteInternetGateway', { InternetGatewayId: igw }, 'InvalidInternetGatewayID.NotFound'], ['DeleteRouteTable', { RouteTableId: routeTableId }, 'InvalidRouteTableID.NotFound'], ['CreateRoute', { RouteTableId: routeTableId, DestinationCidrBlock: '0.0.0.0/0', GatewayId: igw }, 'InvalidRouteTableID.NotFound'], ['CreateTags', { ResourceId: [routeTableId], Tag: [{ Key: 'a', Value: 'b' }] }, 'InvalidRouteTableID.NotFound'],
    ['RunInstances', { ImageId: k.ami, InstanceType: 'm1.nano', MinCount: 1, MaxCount: 1, SubnetId: subnetId }, 'InvalidSubnetID.NotFound'],
  ]
  for (const [action, params, code] of tries) expect([action, (await other.ec2(action, params)).code]).toEqual([action, code])
  expect((await other.ec2('DescribeInstances')).body.reservationSet).toEqual([])
  expect((await other.ec2('DescribeTags')).body.tagSet).toEqual([])
  await ok('TerminateInstances', { InstanceId: [id] })
  await ok('DeleteVolume', { VolumeId: volumeId })
  await k.rest()
})

it('a reader reads, and changes nothing', async () => {
  const reader = await somebody('looker', 'demo', 'reader')
  expect((await reader.ec2('DescribeVpcs')).status).toBe(200)
  for (const [action, params] of [['CreateInternetGateway', {}], ['CreateTags', { ResourceId: [vpcId], Tag: [{ Key: 'a', Value: 'b' }] }], ['RunInstances', { ImageId: k.ami, MinCount: 1, MaxCount: 1, SubnetId: subnetId }], ['DeleteVpc', { VpcId: vpcId }]] as [string, Record<string, unknown>][]) {
    const r = await reader.ec2(action, params)
    expect([action, r.status, r.code]).toEqual([action, 403, 'UnauthorizedOperation'])
  }
})

it('of two that come at once under one token one is done, and both are told of it', async () => {
  const asked = { ImageId: k.ami, InstanceType: 'm1.nano', MinCount: 1, MaxCount: 1, SubnetId: subnetId, ClientToken: 'twin' }, both = await Promise.all([ok('RunInstances', asked), ok('RunInstances', asked), ok('RunInstances', asked)])
  expect(new Set(both.map((r) => r.instancesSet[0].instanceId)).size).toBe(1)
  expect((await ok('DescribeInstances', { Filter: [{ Name: 'instance-state-name', Value: ['pending', 'running'] }] })).reservationSet).toHaveLength(1)
  await k.rest()
  await ok('TerminateInstances', { InstanceId: [both[0].instancesSet[0].instanceId] })
  await k.rest()
})

it('routes that are added to one table at once are all there', async () => {
  const { routeTableId } = (await ok('CreateRouteTable', { VpcId: vpcId })).routeTable, { networkInterface: { networkInterfaceId } } = await ok('CreateNetworkInterface', { SubnetId: subnetId })
  await Promise.all([1, 2, 3].map((n) => ok('CreateRoute', { RouteTableId: routeTableId, DestinationCidrBlock: `192.168.${n}.0/24`, NetworkInterfaceId: networkInterfaceId })))
  expect((await ok('DescribeRouteTables', { RouteTableId: [routeTableId] })).routeTableSet[0].routeSet).toHaveLength(4)
  await ok('DeleteRouteTable', { RouteTableId: routeTableId })
  expect((await c.call('GET', '/network/v2.0/routers', { token: k.demo })).body.routers.find((r: any) => r.name.startsWith('vpc-')).routes).toEqual([])
  await ok('DeleteNetworkInterface', { NetworkInterfaceId: networkInterfaceId })
})
