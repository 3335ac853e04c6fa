import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { bracketed } from './options.ts'

/** The same date as in wrangler.toml. Node's modules come with it: nodejs_compat is on from 2026-08-04. */
export const compatibilityDate = '2026-10-01'

export interface WorkerConfig {
  listen: string
  port: number
  /** Name of the bundle beside the configuration file. */
  module: string
  /** Text bindings, by name. */
  vars: Record<string, string>
  /** Durable Object classes of the bundle, by binding; their memory is all the storage they have. */
  objects: Record<string, string>
  /** The folder of the files for browsers. */
  assets?: string
}

/** workerd's own configuration text: the functions on one socket, with the network open to the local database and store. */
export function workerConfig(of: WorkerConfig): string {
  const bindings = [
    ...Object.entries(of.vars).map(([name, value]) => struct({ name: text(name), text: text(value) })),
    ...Object.entries(of.objects).map(([name, className]) => struct({ name: text(name), durableObjectNamespace: text(className) })),
    struct({ name: text('OUTSIDE'), service: text('outside') }),
    ...of.assets ? [struct({ name: text('ASSETS'), service: text('assets') })] : [],
  ]
  const worker = struct({
    modules: list([struct({ name: text('rest.js'), esModule: text(rest) }), struct({ name: text('worker.js'), esModule: `embed ${text(of.module)}` })]),
    compatibilityDate: text(compatibilityDate),
    bindings: list(bindings),
    durableObjectNamespaces: list(Object.values(of.objects).map((name) => struct({ className: text(name), uniqueKey: text(`virga-${name}`) }))),
    durableObjectStorage: '(inMemory = void)',
    globalOutbound: text('internet'),
  })
  // "private" and "local" are closed unless named: the database and the store are on this machine
  // A directory or provider of one's own may have an authority of its own: PEM text in TRUSTED_CERTIFICATES.
  const own = of.vars.TRUSTED_CERTIFICATES?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const network = (...allow: string[]) => struct({ allow: list(allow.map(text)), tlsOptions: struct({ trustBrowserCas: 'true', ...(own.length && { trustedCertificates: list(own.map((c) => text(`${c}\n`))) }) }) })
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  v8Flags = ["--expose-gc"],
  services = [
    (name = "functions", worker = ${worker}),
    (name = "internet", network = ${network('public', 'private', 'local')}),
    (name = "outside", network = ${network('public')}),
${of.assets ? `    (name = "assets", disk = (path = ${text(of.assets)})),\n` : ''}  ],
  sockets = [(name = "http", address = ${text(`${bracketed(of.listen)}:${of.port}`)}, http = (), service = "functions")],
);
`
}

/** What is started in front of the bundle; it needs `gc`. */
const rest = readFileSync(path.join(import.meta.dirname, 'rest.mjs'), 'utf8')
const struct = (fields: Record<string, string>) => `(${Object.entries(fields).map(([name, value]) => `${name} = ${value}`).join(', ')})`
const list = (items: string[]) => `[${items.join(', ')}]`

/** A Cap'n Proto string literal: everything but plain printable ASCII goes in as its UTF-8 bytes. */
export function text(value: string): string {
  let out = ''
  for (const byte of Buffer.from(value, 'utf8')) {
    const char = String.fromCharCode(byte)
    out += byte >= 0x20 && byte < 0x7f && char !== '"' && char !== '\\' ? char : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return `"${out}"`
}

/** The workerd binary itself, not the script that npm puts in front of it: a signal to the pid must reach it. */
export const workerdBinary = () => (createRequire(import.meta.url)('workerd') as { default: string }).default
