import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { node, root, writeFile, type Layout } from './layout.ts'
import type { Child } from './supervisor.ts'
import { workerConfig, workerdBinary } from './workerd.ts'

export interface Serving { listen: string; port: number; vars: Record<string, string> }

/** Runs the functions, from the bundle on disk to a process to keep running. */
export type Functions = (at: Layout, serving: Serving) => Promise<Child>

/** workerd itself: one process that serves the bundle, as on own servers. */
export const workerd: Functions = async (at, { listen, port, vars }) => {
  // By a process of its own: what that takes of memory would stay with this one.
  await promisify(execFile)(node, ['--disable-warning=ExperimentalWarning', path.join(root, 'local', 'bundle.ts'), at.in('functions')]).catch((e: Error & { stderr?: string }) => { throw new Error(e.stderr?.trim() || e.message) })
  const config = at.in('functions', 'config.capnp')
  writeFile(config, workerConfig({ listen, port, module: 'worker.js', vars, objects: { DOORBELL: 'Doorbell' } }))
  return { name: 'functions', command: workerdBinary(), args: ['serve', config] }
}

/** wrangler dev: the sources, built anew whenever one changes. */
export const wrangler: Functions = async (at, { listen, port, vars }) => {
  const env = at.in('functions', 'dev.vars')
  writeFile(env, Object.entries(vars).map(([name, value]) => `${name}=${JSON.stringify(value)}\n`).join(''))
  return {
    name: 'functions', command: node,
    args: [path.join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js'), 'dev', '--config', path.join(root, 'wrangler.toml'), '--ip', listen, '--port', String(port),
      '--env-file', env, '--persist-to', at.in('functions', 'state'), '--show-interactive-dev-session', 'false'],
    env: { WRANGLER_SEND_METRICS: 'false', CI: '1' },
  }
}
