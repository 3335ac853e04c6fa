import { list, map, resourceType, text } from '../../provider.ts'
import { devices, launch } from '../ec2/launch.ts'
import { unused } from '../ec2/pieces.ts'

const { ImageId, InstanceType, KeyName, UserData, SecurityGroups } = launch
export default resourceType({
  name: 'AWS::AutoScaling::LaunchConfiguration', description: 'How the instances of a scaling group are started.', support: { status: 'SUPPORTED' },
  properties: { ImageId, InstanceType, KeyName, UserData, SecurityGroups, BlockDeviceMappings: devices, InstanceId: unused(text()), KernelId: unused(text()), RamDiskId: unused(text()), NovaSchedulerHints: unused(list(map({ Key: text(), Value: text() }))) },
  attributes: {},
  create: (r) => ({ id: r.uniqueName() }),
})
