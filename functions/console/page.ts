import type { Ctx } from '../kernel/ctx.ts'
import { unavailable } from '../kernel/fault.ts'
import { origins } from './connect.ts'
import { endpoint } from './service.ts'

/** It runs what it was delivered with, talks to where it came from, and stands in frames of dashboards only. */
const policy = (ctx: Ctx) => `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'self' ${origins(ctx).join(' ')}`

const file = (path: string, name: string, type: string, summary: string) => endpoint({
  id: name, method: 'GET', path, status: 200, policy: 'public', summary,
  async handle(ctx) {
    const found = await ctx.env.ASSETS?.fetch(`http://assets/${name}`)
    if (!found?.ok) throw unavailable(`The file ${name} was not delivered with this cloud: \`npm run build\` makes it.`)
    return new Response(found.body, { headers: { 'content-type': type, 'content-security-policy': policy(ctx), 'cache-control': 'no-cache', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' } })
  },
})

export default [
  file('/vnc_auto.html', 'screen.html', 'text/html; charset=utf-8', 'The page that shows the screen of a server'),
  file('/screen.js', 'screen.js', 'text/javascript; charset=utf-8', "The page's script"),
]
