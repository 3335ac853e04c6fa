import type { Evaluator, Fn } from '../evaluate.ts'
import { isMap, text } from '../python.ts'
import type { Json, Path } from '../types.ts'
import { plain } from './strings.ts'

const KEYS = ['scheme', 'username', 'password', 'host', 'port', 'path', 'query', 'fragment']

/** Escapes all but letters, digits, `_.-~` and what is named. */
const quote = (value: string, safe = '') =>
  encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%[0-9A-F]{2}/g, (code) => safe.includes(decode(code)) ? decode(code) : code)
const decode = (code: string) => String.fromCharCode(parseInt(code.slice(1), 16))
const plus = (value: Json) => quote(text(value)).replaceAll('%20', '+')

/** `make_url: { scheme, username, password, host, port, path, query, fragment }` */
export const makeUrl: Fn = plain((arg, at, fault) => {
  if (!isMap(arg)) throw fault('The arguments to "make_url" must be a map', at)
  const others = Object.keys(arg).filter((key) => !KEYS.includes(key))
  if (others.length) throw fault(`Invalid arguments to "make_url": ${others.join(', ')}`, at)
}, (arg, at, ev) => {
  const args = arg as { [key: string]: Json }
  const part = (name: string) => partOf(args, name, at, ev)
  const scheme = part('scheme')
  if (scheme.includes(':')) throw ev.fault('URL "scheme" should not contain \':\'', at)
  const user = quote(part('username')), password = quote(part('password'))
  const bare = part('host').replace(/^\[(.*)\]$/s, '$1')
  const host = quote(bare, ':')
  const port = portOf(args, at, ev)
  const query = queryOf(args, at, ev)
  const fragment = quote(part('fragment'), '/')
  const authority = `${user || password ? `${user}${password ? `:${password}` : ''}@` : ''}${host.includes(':') ? `[${host}]` : host}${port ? `:${port}` : ''}`
  let path = quote(part('path'), '/')
  if (authority || (NETLOC.has(scheme) && scheme && !path.startsWith('//'))) path = `//${authority}${path && !path.startsWith('/') ? '/' : ''}${path}`
  return `${scheme ? `${scheme}:` : ''}${path}${query ? `?${query}` : ''}${fragment ? `#${fragment}` : ''}`
})

/** Schemes that have an authority even when it is empty. */
const NETLOC = new Set(['ftp', 'http', 'gopher', 'nntp', 'telnet', 'imap', 'wais', 'file', 'mms', 'https', 'shttp', 'snews', 'prospero', 'rtsp', 'rtspu', 'rsync', 'svn', 'svn+ssh', 'sftp', 'nfs', 'git', 'git+ssh', 'ws', 'wss'])

function partOf(args: { [key: string]: Json }, name: string, at: Path, ev: Evaluator) {
  const value = args[name] ?? (Object.hasOwn(args, name) ? null : '')
  if (typeof value !== 'string') throw ev.fault(`The "${name}" argument to "make_url" must be a string`, at)
  return value
}

function portOf(args: { [key: string]: Json }, at: Path, ev: Evaluator) {
  if (!Object.hasOwn(args, 'port') || args.port === '') return ''
  const port = typeof args.port === 'number' ? args.port : /^\s*[-+]?\d+\s*$/.test(String(args.port)) ? Number(args.port) : NaN
  if (Number.isNaN(port)) throw ev.fault(`Invalid URL port for make_url`, at)
  if (port <= 0 || port > 65535) throw ev.fault(`Invalid URL port, must be in range 1-65535`, at)
  return String(port)
}

function queryOf(args: { [key: string]: Json }, at: Path, ev: Evaluator) {
  const query = args.query ?? {}
  if (!isMap(query)) throw ev.fault('The "query" argument to "make_url" must be a map', at)
  return Object.entries(query).map(([key, value]) => `${plus(key)}=${plus(value)}`).join('&').replaceAll('%2F', '/')
}
