import { CommandFailed, run } from './run.ts'

// Words that mean only themselves in virsh's own command language.
const plainWord = /^[A-Za-z0-9_.:=/-]+$/

/**
 * libvirt through its client: 13 ms a call on a local socket, and nothing native to build or to crash with. Values travel as
 * arguments of a process, XML in files, secrets through standard input.
 */
export class Virsh {
  readonly uri: string
  constructor(uri: string) { this.uri = uri }

  call(command: string, ...args: string[]): Promise<string> { return this.within(60, command, ...args) }

  within(seconds: number, command: string, ...args: string[]): Promise<string> {
    return run('virsh', ['-q', '-c', this.uri, command, ...args], { seconds })
  }

  /** The same of another host's libvirt. */
  at(uri: string, command: string, ...args: string[]): Promise<string> { return run('virsh', ['-q', '-c', uri, command, ...args]) }

  /** Several questions in one look. */
  async batch(...commands: string[][]): Promise<string> {
    for (const word of commands.flat()) if (!plainWord.test(word)) throw new Error('not a plain word')
    return run('virsh', ['-q', '-c', this.uri, commands.map((words) => words.join(' ')).join('; ')])
  }

  /** Asks the guest's agent. The message is spelled on standard input: a process list shows every argument. */
  async agent(name: string, message: object, seconds: number): Promise<string> {
    const json = JSON.stringify(message).replaceAll("'", '\\u0027')
    const input = `qemu-agent-command ${name} --timeout ${seconds} '${json}'\n`
    const answer = await run('virsh', ['-c', this.uri], { seconds: seconds + 5, input, complaints: true })
    // The exit code is that of reading commands, and the transcript repeats the secret: only these two kinds of line are looked at.
    const said = answer.split('\n').find((line) => /^(\{"return"|error: )/.test(line)) ?? 'error: no answer'
    if (said.startsWith('error: ')) throw new CommandFailed('guest agent', said)
    return said
  }
}

export const absent = (error: unknown) => error instanceof CommandFailed && /failed to get domain|Domain not found|no domain with matching/i.test(error.output)
export const notRunning = (error: unknown) => error instanceof CommandFailed && /domain is not running|is not active/i.test(error.output)
