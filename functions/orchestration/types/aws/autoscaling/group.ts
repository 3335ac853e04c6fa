import { invalid } from '../../../../kernel/fault.ts'
import { life as below } from '../../nested/child.ts'
import { grown, membersOf, resize, start } from '../../os/heat/auto-scaling-group.ts'
import { bounded } from '../../os/heat/scaling.ts'
import { boolean, integer, list, live, map, required, resourceType, text } from '../../provider.ts'
import { unused } from '../ec2/pieces.ts'
import { instanceList } from './launched.ts'

const tags = list(map({ Key: text(required), Value: text(required), PropagateAtLaunch: boolean() }))
const one = { LaunchConfigurationName: text(live), AvailabilityZones: list(text(), { default: [] }), LoadBalancerNames: unused(list(text())), Tags: tags }
const life = { ...below, ready: grown }

export const autoScalingGroup = resourceType({
  name: 'AWS::AutoScaling::AutoScalingGroup', description: 'As many instances as signals ask for, between two bounds.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: {
    ...one, VPCZoneIdentifier: list(text({ find: 'neutron.subnet' })), MinSize: integer({ ...required, ...live }), MaxSize: integer({ ...required, ...live }), DesiredCapacity: integer(live), Cooldown: integer(live),
    InstanceId: unused(text()), HealthCheckType: unused(text()), HealthCheckGracePeriod: unused(integer()),
  },
  attributes: { InstanceList: { type: 'String', of: instanceList } },
  validate({ MinSize: min, MaxSize: max, LaunchConfigurationName: name }) {
    if (typeof min === 'number' && typeof max === 'number' && min > max) throw invalid('MinSize can not be greater than MaxSize')
    if (name === undefined) throw invalid('Either LaunchConfigurationName or InstanceId must be specified; only LaunchConfigurationName is supported here.')
  },
  create: (r) => start(r, bounded(r.properties.DesiredCapacity ?? r.properties.MinSize, r.properties.MinSize, r.properties.MaxSize)),
  async update(r, { after, changed }) {
    const size = Object.keys(await membersOf(r)).length
    return resize(r, bounded(changed.includes('DesiredCapacity') && typeof after.DesiredCapacity === 'number' ? after.DesiredCapacity : size, after.MinSize, after.MaxSize))
  },
  ...life,
})
export const instanceGroup = resourceType({
  name: 'OS::Heat::InstanceGroup', description: 'So many instances.', support: { status: 'SUPPORTED' },
  properties: { ...one, LaunchConfigurationName: text({ ...required, ...live }), AvailabilityZones: list(text(), required), Size: integer({ ...required, ...live }) },
  attributes: { InstanceList: { type: 'String', of: instanceList } },
  create: (r) => start(r, r.properties.Size), update: (r, { after }) => resize(r, after.Size), ...life,
})
