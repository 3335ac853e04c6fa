import { list, text } from '../../provider.ts'
import { unused } from '../ec2/pieces.ts'
import { named } from './named.ts'

export default named({ type: 'AWS::IAM::Group', description: 'A group of users.', nameProperty: 'GroupName', arn: 'group', properties: { GroupName: text(), Path: unused(text()), ManagedPolicyArns: unused(list(text())), Policies: unused(list(undefined)) } })
