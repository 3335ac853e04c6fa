import { list, text } from '../../provider.ts'
import { unused } from '../ec2/pieces.ts'
import { named } from './named.ts'

export default named({ type: 'AWS::IAM::InstanceProfile', description: 'What an instance may be given a role by.', nameProperty: 'InstanceProfileName', arn: 'instance-profile', properties: { InstanceProfileName: text(), Path: unused(text()), Roles: unused(list(text(), { required: true })) } })
