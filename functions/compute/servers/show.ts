import { endpoint } from '../service.ts'
import { lookAt } from './read.ts'
import { serverView } from './view.ts'

export default endpoint({
  id: 'servers.show', method: 'GET', path: '/servers/{server}', status: 200, summary: 'Show a server', policy: 'os_compute_api:servers:show',
  async handle(ctx, { params }) {
    return { server: serverView.at(ctx.version)(await lookAt(ctx, params.server, 'os_compute_api:servers:show')) }
  },
})
