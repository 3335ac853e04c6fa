import { meeting } from '../console/meeting.ts'
import { notFound } from '../kernel/fault.ts'
import { endpoint } from './service.ts'
import { hostQuery, signedBy } from './signed.ts'

export default endpoint({
  id: 'console', method: 'GET', path: '/{host}/consoles/{session}', status: 101, policy: 'public', raw: true, summary: 'A WebSocket to who waits for a screen of this host (signed by the host)',
  async handle(ctx, input) {
    const [hosts] = await ctx.read(hostQuery(input.params.host))
    await signedBy(ctx, input, hosts[0])
    const met = await meeting(ctx, input.params.session)?.come(hosts[0].id)
    if (met?.status !== 101) throw notFound('session', input.params.session, 'Nobody waits there.')
    return met
  },
})
