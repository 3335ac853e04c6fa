import { endpoint } from '../service.ts'
import { documents } from './documents.ts'

export default Object.entries(documents).map(([name, document]) => endpoint({
  id: `schemas.${name.replace('/', '.')}`, method: 'GET', path: `/schemas/${name}`, status: 200, policy: 'stores_info', summary: `Show the schema of ${name}`,
  handle: () => document,
}))
