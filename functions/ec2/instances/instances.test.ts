import { expect, it } from 'vitest'
import { ec2 } from '../test-kit.ts'

const k = await ec2(), { ok, code, run, instance, filter, ami } = k
const { vpcId, subnetId } = await k.vpc()

it('regions, zones, attributes and types are told', async () => {
  expect((await ok('DescribeRegions')).regionInfo).toEqual([{ regionName: 'RegionOne', regionEndpoint: 'cloud.test/ec2', optInStatus: 'opt-in-not-required' }])
  expect((await ok('DescribeAvailabilityZones')).availabilityZoneInfo[0]).toMatchObject({ zoneName: 'nova', zoneState: 'available', regionName: 'RegionOne' })
  expect((await ok('DescribeAccountAttributes', { AttributeName: ['max-instances'] })).accountAttributeSet).toMatchObject([{ attributeName: 'max-instances' }])
  expect((await ok('DescribeInstanceTypes', { InstanceType: ['m1.nano'] })).instanceTypeSet).toMatchObject([{ instanceType: 'm1.nano', vCpuInfo: { defaultVCpus: '1' } }])
  expect([await code('DescribeRegions', { RegionName: ['mars'] }), await code('DescribeInstanceTypes', { InstanceType: ['t2.micro'] }), await code('DescribeAvailabilityZones', { ZoneName: ['x'] })]).toEqual(['InvalidParameterValue', 'InvalidInstanceType', 'InvalidParameterValue'])
})

it('an image is found by id, owner and filter', async () => {
  expect((await ok('DescribeImages', { ImageId: [ami] })).imagesSet).toMatchObject([{ imageId: ami, name: 'tiny', imageState: 'available', isPublic: 'true' }])
  expect((await ok('DescribeImages', filter('name', 'ti*'))).imagesSet).toHaveLength(1)
  expect((await ok('DescribeImages', { Owner: ['self'] })).imagesSet).toEqual([])
  expect([await code('DescribeImages', { ImageId: ['ami-12345678'] }), await code('DescribeImages', { ImageId: ['tiny'] }), await code('DescribeImages', filter('nonsense', 'x'))]).toEqual(['InvalidAMIID.NotFound', 'InvalidAMIID.Malformed', 'InvalidParameterValue'])
})

it('key pairs are made, imported, described and deleted', async () => {
  const made = await ok('CreateKeyPair', { KeyName: 'mine', TagSpecification: [{ ResourceType: 'key-pair', Tag: [{ Key: 'team', Value: 'blue' }] }] })
  expect(made).toMatchObject({ keyName: 'mine', keyMaterial: expect.stringContaining('RSA PRIVATE KEY'), keyPairId: expect.stringMatching(/^key-[0-9a-f]{32}$/), tagSet: [{ key: 'team', value: 'blue' }] })
  const [{ publicKey, ...shown }] = (await ok('DescribeKeyPairs', { KeyName: ['mine'], IncludePublicKey: true })).keySet
  expect(shown).toMatchObject({ keyPairId: made.keyPairId, keyType: 'rsa', tagSet: [{ key: 'team', value: 'blue' }] })
  expect(await ok('ImportKeyPair', { KeyName: 'other', PublicKeyMaterial: btoa(publicKey) })).toMatchObject({ keyName: 'other', keyFingerprint: made.keyFingerprint })
  expect([await code('CreateKeyPair', { KeyName: 'mine' }), await code('ImportKeyPair', { KeyName: 'bad', PublicKeyMaterial: btoa('nonsense') }), await code('DescribeKeyPairs', { KeyName: ['none'] }), await code('CreateKeyPair')]).toEqual(['InvalidKeyPair.Duplicate', 'InvalidKey.Format', 'InvalidKeyPair.NotFound', 'MissingParameter'])
  await ok('DeleteKeyPair', { KeyPairId: made.keyPairId })
  await ok('DeleteKeyPair', { KeyName: 'never-was' })
  expect((await ok('DescribeKeyPairs')).keySet.map((x: any) => x.keyName)).toEqual(['other'])
  // Its tags went with it: another of the name has none.
  await ok('CreateKeyPair', { KeyName: 'mine' })
  expect((await ok('DescribeKeyPairs', { KeyName: ['mine'] })).keySet[0].tagSet).toEqual([])
})

it('an instance is run with what was asked, described by filters, and goes through its states', async () => {
  const { groupId } = await ok('CreateSecurityGroup', { GroupName: 'web', GroupDescription: 'w', VpcId: vpcId })
  const asked = { ImageId: ami, InstanceType: 'm1.nano', MinCount: 1, MaxCount: 1, KeyName: 'other', SubnetId: subnetId, SecurityGroupId: [groupId], PrivateIpAddress: '10.50.1.3', UserData: btoa('hello'), ClientToken: 'tok-1', TagSpecification: [{ ResourceType: 'instance', Tag: [{ Key: 'Name', Value: 'first' }, { Key: 'kubernetes.io/x', Value: '' }] }] }
  expect(await code('RunInstances', { ...asked, DryRun: true })).toBe('DryRunOperation')
  expect((await ok('DescribeInstances')).reservationSet).toEqual([])
  const made = await ok('RunInstances', asked), id = made.instancesSet[0].instanceId
  expect(made).toMatchObject({ reservationId: expect.stringMatching(/^r-/), instancesSet: [{ instanceState: { code: '0', name: 'pending' }, imageId: ami, instanceType: 'm1.nano', keyName: 'other', privateIpAddress: '10.50.1.3', subnetId, vpcId, groupSet: [{ groupId, groupName: 'web' }], tagSet: [{ key: 'Name', value: 'first' }, { key: 'kubernetes.io/x', value: '' }] }] })
  // The same again under the same token is the same; something else is not.
  expect((await ok('RunInstances', asked)).instancesSet[0].instanceId).toBe(id)
  expect(await code('RunInstances', { ...asked, MaxCount: 2, PrivateIpAddress: undefined })).toBe('IdempotentParameterMismatch')
  await k.rest()
  expect(await instance(id)).toMatchObject({ instanceState: { code: '16', name: 'running' } })
  for (const [name, value] of [['instance-state-name', 'running'], ['tag:Name', 'fir*'], ['tag-key', 'kubernetes.io/x'], ['instance.group-id', groupId], ['subnet-id', subnetId], ['private-ip-address', '10.50.1.3'], ['reservation-id', made.reservationId], ['network-interface.subnet-id', subnetId]]) expect([name, (await ok('DescribeInstances', filter(name, value))).reservationSet.length]).toEqual([name, 1])
  expect((await ok('DescribeInstances', filter('instance-state-name', 'stopped'))).reservationSet).toEqual([])
  expect((await ok('DescribeInstanceStatus')).instanceStatusSet).toMatchObject([{ instanceId: id, instanceState: { name: 'running' }, systemStatus: { status: 'ok' } }])
  // One and the same server, by its own API and by its bare id.
  const server = (await k.c.call('GET', `/compute/v2.1/servers?name=first`, { token: k.demo })).body.servers[0].id
  expect([id, (await instance(server)).instanceId]).toEqual([`i-${server.replaceAll('-', '')}`, id])
  expect((await ok('DescribeInstanceAttribute', { InstanceId: id, Attribute: 'userData' })).userData.value).toBe(btoa('hello'))
  await ok('ModifyInstanceAttribute', { InstanceId: id, SourceDestCheck: { Value: false } })
  expect((await ok('DescribeInstanceAttribute', { InstanceId: id, Attribute: 'sourceDestCheck' })).sourceDestCheck.value).toBe('false')
  await ok('ResetInstanceAttribute', { InstanceId: id, Attribute: 'sourceDestCheck' })
  expect((await instance(id)).sourceDestCheck).toBe('true')
  expect(await ok('StopInstances', { InstanceId: [id] })).toMatchObject({ instancesSet: [{ currentState: { name: 'stopping' }, previousState: { name: 'running' } }] })
  await k.rest()
  expect((await ok('StopInstances', { InstanceId: [id] })).instancesSet[0].currentState.name).toBe('stopped')
  expect((await ok('DescribeInstanceStatus')).instanceStatusSet).toEqual([])
  expect((await ok('DescribeInstanceStatus', { IncludeAllInstances: true })).instanceStatusSet).toHaveLength(1)
  expect(await ok('StartInstances', { InstanceId: [id] })).toMatchObject({ instancesSet: [{ currentState: { name: 'pending' }, previousState: { name: 'stopped' } }] })
  await k.rest()
  await ok('RebootInstances', { InstanceId: [id] })
  await k.rest()
  expect(await code('DeleteSecurityGroup', { GroupId: groupId })).toBe('DependencyViolation')
  expect((await ok('TerminateInstances', { InstanceId: [id] })).instancesSet[0].currentState.name).toBe('shutting-down')
  await k.rest()
  expect((await instance(id)).instanceState).toEqual({ code: '48', name: 'terminated' })
  expect((await ok('TerminateInstances', { InstanceId: [id] })).instancesSet[0].currentState.name).toBe('terminated')
  expect(await code('StartInstances', { InstanceId: [id] })).toBe('IncorrectInstanceState')
})

it('several are run at once, and described a page at a time', async () => {
  const ids = await run({ MinCount: 3, MaxCount: 3, SubnetId: subnetId }), seen: string[] = []
  for (let NextToken: string | undefined, more = true; more;) {
    const r = await ok('DescribeInstances', { MaxResults: 2, NextToken, ...filter('instance-state-name', 'running') })
    seen.push(...r.reservationSet.flatMap((x: any) => x.instancesSet.map((i: any) => i.instanceId)))
    NextToken = r.nextToken
    more = Boolean(NextToken)
  }
  expect(seen.sort()).toEqual(ids.sort())
  expect((await ok('DescribeInstances', filter('launch-index', '2'))).reservationSet[0].instancesSet).toHaveLength(1)
  // Many are found in the list; those that are not there are named all the same.
  const none = Array.from({ length: 20 }, () => `i-${crypto.randomUUID().replaceAll('-', '')}`)
  expect((await k.me.ec2('DescribeInstances', { InstanceId: [...ids, ...none] })).message).toContain(none[7])
  expect((await ok('DescribeInstances', { InstanceId: [...ids, ...Array.from({ length: 20 }, () => ids[0])] })).reservationSet[0].instancesSet).toHaveLength(3)
  await ok('TerminateInstances', { InstanceId: ids })
  await k.rest()
})

it('a volume is the root, another is beside it; an interface of its own groups and a public address', async () => {
  const igw = (await ok('CreateInternetGateway')).internetGateway.internetGatewayId
  await ok('AttachInternetGateway', { InternetGatewayId: igw, VpcId: vpcId })
  const [id] = await run({ NetworkInterface: [{ DeviceIndex: 0, SubnetId: subnetId, AssociatePublicIpAddress: true }], BlockDeviceMapping: [{ DeviceName: '/dev/sda1', Ebs: { VolumeSize: 2 } }, { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: false } }], TagSpecification: [{ ResourceType: 'volume', Tag: [{ Key: 'of', Value: 'it' }] }] })
  const i = await instance(id)
  expect(i).toMatchObject({ rootDeviceType: 'ebs', ipAddress: expect.stringMatching(/^172\.24\.4\./), blockDeviceMapping: [{ ebs: { deleteOnTermination: 'true' } }, { ebs: { deleteOnTermination: 'false' } }] })
  expect((await ok('DescribeVolumes', filter('tag:of', 'it'))).volumeSet).toHaveLength(2)
  await ok('ModifyInstanceAttribute', { InstanceId: id, BlockDeviceMapping: [{ DeviceName: i.blockDeviceMapping[1].deviceName, Ebs: { DeleteOnTermination: true } }] })
  expect((await instance(id)).blockDeviceMapping[1].ebs.deleteOnTermination).toBe('true')
  await ok('TerminateInstances', { InstanceId: [id] })
  await k.rest()
  expect((await ok('DescribeVolumes')).volumeSet).toEqual([])
})

it('what cannot be is refused in AWS\'s words', async () => {
  const base = { ImageId: ami, InstanceType: 'm1.nano', MinCount: 1, MaxCount: 1, SubnetId: subnetId }
  const cases: [Record<string, unknown>, string][] = [
    [{ ImageId: undefined }, 'MissingParameter'], [{ MinCount: undefined }, 'MissingParameter'], [{ MinCount: 2 }, 'InvalidParameterValue'], [{ InstanceType: 'x9' }, 'InvalidParameterValue'], [{ KeyName: 'none' }, 'InvalidKeyPair.NotFound'], [{ SecurityGroupId: ['sg-12345678'] }, 'InvalidGroup.NotFound'], [{ SubnetId: 'subnet-12345678' }, 'InvalidSubnetID.NotFound'],
    [{ ImageId: 'ami-12345678' }, 'InvalidAMIID.NotFound'], [{ DisableApiTermination: true }, 'UnsupportedOperation'], [{ Nonsense: 1 }, 'UnknownParameter'], [{ PrivateIpAddress: '10.50.1.1' }, 'InvalidIPAddress.InUse'], [{ PrivateIpAddress: '10.99.1.1' }, 'InvalidParameterValue'], [{ SubnetId: undefined }, 'VPCIdNotSpecified'], [{ MaxCount: 40, MinCount: 40 }, 'InstanceLimitExceeded'],
  ]
  for (const [more, wanted] of cases) expect([more, await code('RunInstances', { ...base, ...more })]).toEqual([more, wanted])
  expect([await code('StopInstances', { InstanceId: ['i-12345678'] }), await code('StopInstances', { InstanceId: ['nonsense'] }), await code('StopInstances'), await code('RunScheduledInstances'), await code('DescribeInstances', { NextToken: 'x' })]).toEqual(['InvalidInstanceID.NotFound', 'InvalidInstanceID.Malformed', 'MissingParameter', 'InvalidAction', 'InvalidNextToken'])
})
