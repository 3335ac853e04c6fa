import { execFile } from 'node:child_process'

/** Runs one command, arguments as an array, no shell; rejects with what it said on standard error. */
export function run(command: string, args: string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { maxBuffer: 1 << 28, timeout: 120_000 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const why = stderr.trim() || error.message
      reject(Object.assign(new Error(`${command} ${args.slice(0, 6).join(' ')}: ${why.slice(0, 2000)}`), { stderr }))
    })
    // A command that ends without reading its input is told apart by its exit status, not by the broken pipe.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input ?? '')
  })
}

const json = <T>(text: string): T => JSON.parse(text.trim() || '[]') as T

/** `ip -j`, inside a namespace when one is named. */
export const ipJson = async <T>(args: string[], ns?: string): Promise<T> =>
  json<T>(await run('ip', [...(ns ? ['-n', ns] : []), '-j', ...args]))

/** Many `ip` commands in one process. All are tried; the rejection names those that failed. */
export async function ipBatch(lines: string[], ns?: string): Promise<void> {
  if (lines.length) await run('ip', [...(ns ? ['-n', ns] : []), '-force', '-batch', '-'], lines.join('\n') + '\n').catch((error: Error & { stderr?: string }) => {
    const failed = [...(error.stderr ?? '').matchAll(/^Command failed -:(\d+)/gm)].map((m) => lines[Number(m[1]) - 1])
    throw new Error(`${error.message}${failed.length ? ` [${failed.slice(0, 5).join('; ')}]` : ''}`)
  })
}

export const inNs = (ns: string | undefined, command: string, args: string[], input?: string): Promise<string> =>
  ns ? run('nsenter', [`--net=/run/netns/${ns}`, command, ...args], input) : run(command, args, input)

/** Works through items a few at a time; every item is tried, then the first failures are thrown as one. */
export async function each<T>(items: Iterable<T>, work: (item: T) => Promise<void>, width = 4): Promise<void> {
  const queue = [...items]
  const errors: unknown[] = []
  await Promise.all(Array.from({ length: Math.min(width, queue.length) }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item).catch((error) => errors.push(error))
  }))
  if (errors.length) throw errors.length === 1 ? errors[0] : new AggregateError(errors, errors.slice(0, 5).map((e) => (e as Error).message).join('\n'))
}
