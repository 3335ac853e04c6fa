import { execFile } from 'node:child_process'

/** QEMU's own locks on image files. */
export const inUse = /Failed to get (shared )?"[\w ]+" lock/

/** A host command said no. The message is fit for a user; `output` is what was printed. */
export class CommandFailed extends Error {
  readonly output: string
  constructor(command: string, output: string) {
    super(inUse.test(output) ? 'a disk is in use elsewhere' : plain(output) || `${command} failed`)
    this.output = output
  }
}

/** Worth another attempt: what else was being made is taken away again, and images that nobody uses make room. */
export const noSpace = () => new Error('no space left on the host')
const full = /no space left on device|disk quota exceeded|ENOSPC|EDQUOT/i

/** What a tool printed, without its own prefixes and without places on this host. */
export function plain(output: string): string {
  return output.split('\n').map((line) => line.replace(/^(error|qemu-img|virsh): */i, '').trim())
    .filter((line) => line && !/^Failed to \w+ (domain|device)/i.test(line))
    .join('; ').replace(/(^|[\s'"=:(,])\/[^\s'",;:)]+/g, '$1…').slice(0, 400)
}

/** Runs a program with an argument array; no shell sees the values. `complaints`: standard error belongs to the answer. */
export function run(file: string, args: string[], { seconds = 60, input, complaints = false }: { seconds?: number; input?: string; complaints?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, {
      timeout: seconds * 1000, killSignal: 'SIGKILL', maxBuffer: 64 << 20, env: { ...process.env, LC_ALL: 'C' },
    }, (error, stdout, stderr) => {
      if (!error) return resolve(complaints ? `${stdout}\n${stderr}` : stdout)
      if (error.code as unknown === 'ENOENT') return reject(new Error(`${file} is not installed on this host`))
      if (error.killed) return reject(new Error(`${file} did not finish within ${seconds} s`))
      reject(full.test(stderr) ? noSpace() : new CommandFailed(file, stderr || stdout || error.message))
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** A file operation's error, with a full disk made plain. */
export function fileError(error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') return noSpace()
  return error instanceof Error ? error : new Error(String(error))
}
