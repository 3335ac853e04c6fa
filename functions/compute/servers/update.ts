import { Type as t } from 'typebox'
import { eq } from 'drizzle-orm'
import { serverGuest } from '../../../schema/compute.ts'
import { q } from '../../kernel/db.ts'
import { endpoint } from '../service.ts'
import { address, closed, description, diskConfig, fqdn, hostname, ip, name } from '../shapes.ts'
import { change, mine, serverQuery, tell, type Server } from './model.ts'
import { around, assemble } from './read.ts'
import { bareView, serverView } from './view.ts'

const v1 = { name: t.Optional(name), 'OS-DCF:diskConfig': t.Optional(diskConfig), accessIPv4: t.Optional(ip), accessIPv6: t.Optional(ip) }
const v19 = { ...v1, description: t.Optional(description) }
const body = <S extends Parameters<typeof t.Object>[0]>(s: S) => t.Object({ server: t.Object(s, closed) }, closed)

export default endpoint({
  id: 'servers.update', method: 'PUT', path: '/servers/{server}', status: 200, summary: 'Change what a server is called and how it is reached', policy: 'os_compute_api:servers:update',
  body: { '2.1': body(v1), '2.19': body(v19), '2.90': body({ ...v19, hostname: t.Optional(hostname) }), '2.94': body({ ...v19, hostname: t.Optional(fqdn) }) },
  async handle(ctx, { params: { server: id }, body }) {
    const b = body.server as Record<string, any>
    const [rows, data, ...rest] = await ctx.read(serverQuery(ctx, id), q.select({ userData: serverGuest.userData }).from(serverGuest).where(eq(serverGuest.server, id)), ...around([id]))
    const s = mine(ctx, rows, id, 'os_compute_api:servers:update')
    const set: Partial<Server> = {
      ...(b.name === undefined ? {} : { name: b.name }), ...(b.description === undefined ? {} : { description: b.description }), ...(b.hostname === undefined ? {} : { hostname: b.hostname }),
      ...(b['OS-DCF:diskConfig'] ? { autoDisk: b['OS-DCF:diskConfig'] === 'AUTO' } : {}),
      ...(b.accessIPv4 === undefined ? {} : { accessIPv4: address(b.accessIPv4, 'accessIPv4', 4) ?? null }), ...(b.accessIPv6 === undefined ? {} : { accessIPv6: address(b.accessIPv6, 'accessIPv6', 6) ?? null }),
    }
    change(ctx, s, set)
    tell(ctx, s)
    ctx.event('compute.instance.update', id, { fields: Object.keys(set) }, s.project)
    const [shown] = assemble(ctx, [{ ...s, ...set, updatedAt: ctx.now() }], rest)
    return { server: (ctx.version >= 2075 ? serverView : bareView).at(ctx.version)({ ...shown, single: true, userData: data[0]?.userData }) }
  },
})
