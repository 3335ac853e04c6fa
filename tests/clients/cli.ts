import { readFileSync } from 'node:fs'
import path from 'node:path'
import { sh, type Ran } from '../steps.ts'

/** The stock `openstack` command, as somebody who sourced an openrc or named a cloud of clouds.yaml. */
export class Cli {
  readonly env: NodeJS.ProcessEnv
  constructor(env: Record<string, string>) {
    // Nothing of whoever runs the test: no proxy, no other cloud.
    this.env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: process.env.HOME ?? '/root', LC_ALL: 'C.UTF-8', PYTHONWARNINGS: 'ignore', NO_PROXY: '*', no_proxy: '*', ...env }
  }
  static openrc(file: string): Cli {
    return new Cli(Object.fromEntries([...readFileSync(file, 'utf8').matchAll(/^export (\w+)='(.*)'$/gm)].map((m) => [m[1], m[2]])))
  }
  static cloud(data: string, name: string): Cli { return new Cli({ OS_CLIENT_CONFIG_FILE: path.join(data, 'clouds.yaml'), OS_CLOUD: name }) }

  run(...args: string[]): Promise<Ran> { return sh('openstack', args, { env: this.env, timeout: 600_000 }) }
  /** Another client of the same cloud. */
  with(client: string, ...args: string[]): Promise<Ran> { return sh(client, args, { env: this.env, timeout: 600_000 }) }
  /** The answer as the client prints it in JSON. */
  async json<T = any>(...args: string[]): Promise<T> {
    const { stdout } = await this.run(...args, '-f', 'json')
    // `--wait` draws before it prints.
    const from = stdout.search(/^[[{]/m)
    if (from < 0) throw new Error(`openstack ${args.join(' ')}: no JSON in ${JSON.stringify(stdout.slice(0, 300))}`)
    return JSON.parse(stdout.slice(from)) as T
  }
  /** Expects to be refused; what was said. */
  async refused(...args: string[]): Promise<string> {
    const r = await sh('openstack', args, { env: this.env, fails: true })
    if (r.code === 0) throw new Error(`openstack ${args.join(' ')} was not refused:\n${r.stdout}`)
    return r.stderr + r.stdout
  }
}

export function equal(what: string, got: unknown, wanted: unknown) {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`)
}
export function matches(what: string, text: string, wanted: RegExp) {
  if (!wanted.test(text)) throw new Error(`${what}: no ${wanted} in:\n${text.slice(-1500)}`)
}
