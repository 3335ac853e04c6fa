import { front } from '../aws/front.ts'
import { projectMember, projectReader, type Check } from '../kernel/policy.ts'

const each = <const N extends readonly string[]>(check: Check, names: N) => Object.fromEntries(names.map((n) => [`cloudformation:${n}`, check])) as Record<`cloudformation:${N[number]}`, Check>
export const cloudformation = front({
  name: 'cloudformation', type: 'cloudformation', mount: '/cloudformation', prefixes: ['/v1', ''], protocol: 'query', version: '2010-05-15', namespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
  // A template of a megabyte, escaped for a form.
  bodyLimit: 3_500_000,
  rules: {
    ...each(projectReader, ['ListStacks', 'DescribeStacks', 'DescribeStackEvents', 'DescribeEvents', 'DescribeStackResource', 'DescribeStackResources', 'ListStackResources', 'ListExports', 'ListImports', 'GetTemplate', 'GetTemplateSummary', 'ValidateTemplate', 'EstimateTemplateCost',
      'DescribeChangeSet', 'ListChangeSets', 'GetStackPolicy', 'DescribeStackDriftDetectionStatus', 'DescribeStackResourceDrifts', 'DescribeType', 'ListTypes', 'DescribeAccountLimits']),
    ...each(projectMember, ['CreateStack', 'UpdateStack', 'DeleteStack', 'CancelUpdateStack', 'ContinueUpdateRollback', 'RollbackStack', 'SetStackPolicy', 'UpdateTerminationProtection', 'SignalResource', 'CreateChangeSet', 'ExecuteChangeSet', 'DeleteChangeSet',
      'DetectStackDrift', 'DetectStackResourceDrift']),
  },
  codes: {
    kinds: { overQuota: 'LimitExceededException' },
    statuses: {
      AlreadyExistsException: 400, TokenAlreadyExistsException: 400, InsufficientCapabilitiesException: 400, LimitExceededException: 400, ChangeSetNotFound: 404, InvalidChangeSetStatus: 400, TypeNotFoundException: 404, CFNRegistryException: 400,
    },
  },
  versions: (path, origin) => (path === '' ? { status: 300, body: { versions: [{ id: 'v1.0', status: 'CURRENT', links: [{ rel: 'self', href: `${origin}/cloudformation/v1/` }] }] } } : undefined),
})
export const { action } = cloudformation
