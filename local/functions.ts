import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import path from 'node:path'
import { node, root, writeFile, type Layout } from './layout.ts'
import { apart } from './process.ts'
import type { Child } from './supervisor.ts'
import { workerConfig, workerdBinary } from './workerd.ts'

export interface Serving { listen: string; port: number; vars: Record<string, string> }

/** Runs the functions, from the bundle on disk to a process to keep running. */
export type Functions = (at: Layout, serving: Serving) => Promise<Child>

/** workerd itself: one process that serves the bundle, as on own servers. */
export const workerd: Functions = async (at, { listen, port, vars }) => {
  await apart('bundle.ts', [at.in('functions')])
  const config = at.in('functions', 'config.capnp')
  writeFile(config, workerConfig({ listen, port, module: 'worker.js', vars, objects: { DOORBELL: 'Doorbell', CONSOLE: 'Console' }, assets: at.in('functions', 'assets') }))
  return { name: 'functions', command: workerdBinary(), args: ['serve', '--binary', read(config)] }
}

/** The same configuration as workerd keeps it in memory: reading its text takes 5 MB that stay. */
function read(config: string): string {
  const file = config.replace(/capnp$/, 'bin'), fd = openSync(file, 'w', 0o600)
  const { status, stderr, error } = spawnSync(workerdBinary(), ['compile', '--config-only', config], { stdio: ['ignore', fd, 'pipe'], encoding: 'utf8' })
  closeSync(fd)
  if (status !== 0) throw new Error(`workerd does not read ${config}: ${error?.message ?? stderr}`)
  return file
}

/** wrangler dev: the sources, built anew whenever one changes. */
export const wrangler: Functions = async (at, { listen, port, vars }) => {
  const env = at.in('functions', 'dev.vars')
  // The files for browsers, where wrangler.toml says they are.
  await apart('bundle.ts', [path.join(root, 'dist')])
  writeFile(env, Object.entries(vars).map(([name, value]) => `${name}=${JSON.stringify(value)}\n`).join(''))
  return {
    name: 'functions', command: node,
    args: [path.join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js'), 'dev', '--config', path.join(root, 'wrangler.toml'), '--ip', listen, '--port', String(port),
      '--env-file', env, '--persist-to', at.in('functions', 'state'), '--show-interactive-dev-session', 'false'],
    env: { WRANGLER_SEND_METRICS: 'false', CI: '1' },
  }
}
