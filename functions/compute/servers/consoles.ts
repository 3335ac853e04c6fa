import { eq, lt } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { consoleToken } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { hashed } from '../../kernel/secrets.ts'
import { endpoint } from '../service.ts'
import { action, closed } from '../shapes.ts'
import { findServer } from './model.ts'

/** How long a way to a console is open before it is taken. */
const LIFE = seconds(600)
const rule = 'os_compute_api:os-remote-consoles'
const offered = ['novnc', 'serial'] as const

/** A way to the screen or the serial line of a server: an address good once, for ten minutes, while the server stays where it is. */
async function way(ctx: Ctx, id: string, type: string): Promise<string> {
  const s = await findServer(ctx, id, rule)
  const known = offered.find((o) => o === type)
  if (!known) throw invalid(`Unavailable console type ${type}: this cloud has ${offered.join(' and ')}.`)
  if (!ctx.env.CONSOLE) throw invalid(`Unavailable console type ${type}: this cloud runs where people and hosts cannot meet (no Durable Objects).`)
  if (!s.host || !['active', 'paused', 'rescued', 'resized'].includes(s.state)) throw conflict(`Instance ${s.id} is not ready: it is in vm_state ${s.state}.`)
  const token = ctx.uuid(), now = ctx.now()
  ctx.stage(q.delete(consoleToken).where(lt(consoleToken.expiresAt, now)))
  ctx.stage(q.insert(consoleToken).values({ hash: hashed(token), server: s.id, host: s.host, type: known, expiresAt: now + LIFE }))
  const base = `${(ctx.env.PUBLIC_URL ?? ctx.origin).replace(/\/+$/, '')}/console`, path = `websockify?token=${token}`
  return known === 'novnc' ? `${base}/vnc_auto.html?path=${encodeURIComponent(`console/${path}`)}` : `${base.replace(/^http/, 'ws')}/${path}`
}

const old = (key: string, types: string[]) => endpoint({
  id: `servers.${key}`, method: 'POST', path: '/servers/{server}/action', key, until: '2.5', status: 200, summary: 'A way to the screen of a server', policy: rule,
  body: { '2.1': action(key, t.Object({ type: t.Enum(types as [string]) }, closed)) as never },
  async handle(ctx, { params, body }) {
    const { type } = (body as Record<string, { type: string }>)[key]
    return { console: { type, url: await way(ctx, params.server, type) } }
  },
})

const protocols = { vnc: ['novnc', 'xvpvnc'], spice: ['spice-html5'], rdp: ['rdp-html5'], serial: ['serial'], mks: ['webmks'] } as const

export default [
  old('os-getVNCConsole', ['novnc', 'xvpvnc']), old('os-getSPICEConsole', ['spice-html5']), old('os-getSerialConsole', ['serial']),
  endpoint({
    id: 'servers.remote_console', method: 'POST', path: '/servers/{server}/remote-consoles', since: '2.6', status: 200, summary: 'A way to the screen of a server', policy: rule,
    body: {
      '2.6': action('remote_console', t.Object({ protocol: t.Enum(['vnc', 'spice', 'rdp', 'serial']), type: t.Enum(['novnc', 'xvpvnc', 'rdp-html5', 'spice-html5', 'serial']) }, closed)),
      '2.8': action('remote_console', t.Object({ protocol: t.Enum(['vnc', 'spice', 'rdp', 'serial', 'mks']), type: t.Enum(['novnc', 'xvpvnc', 'rdp-html5', 'spice-html5', 'serial', 'webmks']) }, closed)),
    },
    async handle(ctx, { params, body }) {
      const { protocol, type } = (body as { remote_console: { protocol: keyof typeof protocols; type: string } }).remote_console
      const url = await way(ctx, params.server, (protocols[protocol] as readonly string[]).includes(type) ? type : `${type} by ${protocol}`)
      return { remote_console: { protocol, type, url } }
    },
  }),
  endpoint({
    id: 'console_tokens.show', method: 'GET', path: '/os-console-auth-tokens/{token}', status: 200, summary: 'Where a console token leads', policy: 'os_compute_api:os-console-auth-tokens',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(q.select().from(consoleToken).where(eq(consoleToken.hash, hashed(params.token))))
      if (!row || row.expiresAt < ctx.now()) throw notFound('token', params.token, 'Token not found')
      // What it leads to is told to the host when the way is taken: there is no port anybody could connect to.
      return { console: { instance_uuid: row.server, host: row.host, port: null, internal_access_path: null } }
    },
  }),
]
