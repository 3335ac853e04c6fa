import { endpoint } from '../service.ts'
import { createBody, optionsOf, sourceOf } from './body.ts'
import { findStack } from './find.ts'
import { createStack, deleteStack } from './verbs.ts'
import { full, linksOf } from './view.ts'
import { invalid } from '../../kernel/fault.ts'

const at = '/stacks/{name}/{id}'
export default [
  endpoint({
    id: 'stacks.create', method: 'POST', path: '/stacks', status: 201, summary: 'Create a stack', policy: 'stacks:create', body: createBody,
    async handle(ctx, { body }) {
      const source = await sourceOf(body)
      if (source.body === undefined) throw invalid('No template specified')
      if (typeof body.stack_name !== 'string') throw invalid('No stack name specified')
      const s = await createStack(ctx, { name: body.stack_name, front: 'heat', source: { ...source, body: source.body }, ...optionsOf(body, true) })
      return { stack: { id: s.id, links: linksOf(ctx, s) } }
    },
  }),
  endpoint({
    id: 'stacks.show', method: 'GET', path: at, status: 200, summary: 'Show a stack', policy: 'stacks:show',
    async handle(ctx, { params }) { return { stack: full(ctx, await findStack(ctx, params.name, params.id, { gone: true })) } },
  }),
  endpoint({
    id: 'stacks.delete', method: 'DELETE', path: at, status: 204, summary: 'Delete a stack', policy: 'stacks:delete',
    async handle(ctx, { params }) { await deleteStack(ctx, await findStack(ctx, params.name, params.id)) },
  }),
]
