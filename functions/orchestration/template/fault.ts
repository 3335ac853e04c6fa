import { Fault } from '../../kernel/fault.ts'
import type { Front, Path } from './types.ts'

export interface Where { path?: Path, line?: number, type?: string, front?: Front }

/** Something in a template, its environment or its parameters is wrong. Renders as 400 in each front's own form. */
export class TemplateFault extends Fault {
  readonly path: Path
  readonly line: number | undefined
  /** The words alone, without where. */
  readonly words: string
  constructor(words: string, { path = [], line, type, front = 'heat' }: Where = {}) {
    super('invalid', place(words, path, line, front), { type: type ?? (front === 'aws' ? 'ValidationError' : 'StackValidationFailed') })
    this.words = words
    this.path = path
    this.line = line
  }
}

/** `resources.server.properties.networks[0].port` */
export const pathText = (path: Path) =>
  path.reduce<string>((text, step) => typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : step, '')

/** Heat leads with the path, CloudFormation ends with it; both tell the line. */
function place(words: string, path: Path, line: number | undefined, front: Front) {
  const where = pathText(path)
  if (front === 'heat') return `${where && !words.includes(where) ? `${where}: ` : ''}${words}${line ? ` (line ${line})` : ''}`
  const parts = [...where ? [path.join('/')] : [], ...line ? [`line ${line}`] : []]
  return parts.length ? `${words} (${parts.join(', ')})` : words
}
