import type { Static, TProperties, TObject } from 'typebox'
import { Type as t } from 'typebox'
import { awsFault } from '../aws/faults.ts'
import { front, shape } from '../aws/front.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { Fault } from '../kernel/fault.ts'
import { projectMember, projectReader } from '../kernel/policy.ts'
import { Dry, dry } from './step.ts'

/** The EC2 Query API. It decides nothing about instances, volumes or networks: the services that keep them do, by their own rules. */
export const ec2 = front({
  name: 'ec2', type: 'ec2', mount: '/ec2', prefixes: [''], protocol: 'ec2', version: '2016-11-15', namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
  rules: { 'ec2:read': projectReader, 'ec2:write': projectMember },
  codes: {
    any: true,
    kinds: { invalid: 'InvalidParameterValue', notFound: 'InvalidParameterValue', conflict: 'IncorrectState', overQuota: 'ResourceLimitExceeded', forbidden: 'UnauthorizedOperation', unauthorized: 'AuthFailure', unsupported: 'UnsupportedOperation', unavailable: 'Unavailable', version: 'InvalidParameterValue', precondition: 'IncorrectState', media: 'InvalidParameterValue' },
    statuses: { UnauthorizedOperation: 403, AuthFailure: 401, DryRunOperation: 412, Unavailable: 503 },
  },
})

interface Ask<P extends TProperties> {
  summary: string
  input?: P
  /** AWS's name for there being no room for more of these. */
  limit?: string
  handle: (ctx: Ctx, input: Static<TObject<P>>) => unknown
}
const DryRun = t.Optional(t.Boolean())

/** An action; with DryRun all of it is done except the writing. */
const action = (policy: 'ec2:read' | 'ec2:write') => <P extends TProperties>(name: string, a: Ask<P>) => ec2.action(name, {
  policy, summary: a.summary, input: shape({ ...a.input, DryRun } as P & { DryRun: typeof DryRun }),
  async handle(ctx, input) {
    const i = input as Static<TObject<P>> & { DryRun?: boolean }
    ctx.project
    if (i.DryRun) dry.add(ctx)
    try {
      const out = await a.handle(ctx, i)
      if (i.DryRun) throw new Dry()
      return out
    } catch (e) {
      if (e instanceof Dry) throw awsFault('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', { status: 412 })
      // Some services call a quota a matter of being forbidden.
      if (e instanceof Fault && (e.kind === 'overQuota' || (e.kind === 'forbidden' && /quota exceeded/i.test(e.message)))) throw awsFault(a.limit ?? 'ResourceLimitExceeded', e.message, { status: 400 })
      throw e
    }
  },
})
export const read = action('ec2:read'), write = action('ec2:write')
