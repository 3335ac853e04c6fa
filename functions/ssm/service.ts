import { front } from '../aws/front.ts'
import { projectMember, projectReader } from '../kernel/policy.ts'

export const ssm = front({
  name: 'ssm', type: 'ssm', mount: '/ssm', prefixes: [''], protocol: 'json', version: '2014-11-06', namespace: 'AmazonSSM',
  rules: {
    'ssm:PutParameter': projectMember, 'ssm:DeleteParameter': projectMember, 'ssm:DeleteParameters': projectMember,
    'ssm:GetParameter': projectReader, 'ssm:GetParameters': projectReader, 'ssm:GetParametersByPath': projectReader, 'ssm:DescribeParameters': projectReader,
  },
  codes: {
    kinds: { invalid: 'ValidationException', notFound: 'ParameterNotFound', conflict: 'TooManyUpdates', overQuota: 'ParameterLimitExceeded', forbidden: 'AccessDeniedException', unavailable: 'InternalServerError', unauthorized: 'UnrecognizedClientException' },
    statuses: { ValidationException: 400, ParameterNotFound: 400, ParameterAlreadyExists: 400, ParameterVersionNotFound: 400, TooManyUpdates: 400, ParameterLimitExceeded: 400, InvalidNextToken: 400, HierarchyLevelLimitExceededException: 400, InvalidFilterKey: 400, UnsupportedParameterType: 400, AccessDeniedException: 400, InvalidKeyId: 400 },
  },
})
export const { action } = ssm
