import { integer, list, text } from '../../provider.ts'
import { tags, unused } from '../ec2/pieces.ts'
import { named } from './named.ts'

export default named({
  type: 'AWS::IAM::Role', description: 'A role that an instance profile carries.', nameProperty: 'RoleName', arn: 'role', id: 'RoleId',
  properties: { RoleName: text(), AssumeRolePolicyDocument: unused({ type: 'any', required: true }), Description: unused(text()), ManagedPolicyArns: unused(list(text())), MaxSessionDuration: unused(integer()), Path: unused(text()), PermissionsBoundary: unused(text()), Policies: unused(list(undefined)), Tags: tags },
})
