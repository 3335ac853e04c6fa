import { arn } from '../aws/arn.ts'
import { front, shape } from '../aws/front.ts'
import { authenticated } from '../kernel/policy.ts'

const sts = front({
  name: 'sts', type: 'sts', mount: '/sts', prefixes: [''], protocol: 'query', version: '2011-06-15', namespace: 'https://sts.amazonaws.com/doc/2011-06-15/', global: true,
  rules: { 'sts:GetCallerIdentity': authenticated },
})

/** Who a key belongs to: what clients ask before anything else. Sessions are not issued here. */
export default sts.serve([
  sts.action('GetCallerIdentity', {
    policy: 'sts:GetCallerIdentity', summary: 'Who signed this request, and for which project', input: shape({}),
    handle: (ctx) => ({ Arn: arn(ctx, 'iam', `user/${ctx.caller.user.name}`, { region: '' }), UserId: ctx.caller.user.id, Account: ctx.project }),
  }),
])
