import { isMap } from './python.ts'
import { readCfn } from './cfn/template.ts'
import { TemplateFault } from './fault.ts'
import { readHot } from './hot/template.ts'
import { limitsOf } from './limits.ts'
import { readText, type Parsed } from './text.ts'
import type { Front, Json, ParseOptions, Template } from './types.ts'

export interface Source extends Parsed {
  raw: { [section: string]: Json }
  front: Front
  options: ParseOptions
  limits: ReturnType<typeof limitsOf>
  fault(words: string, path?: readonly (string | number)[], type?: string): TemplateFault
}

/** A template's text, or what was already read from it, to a template. Refuses whatever no parameter could make right. */
export function parse(text: string | { [section: string]: Json }, options: ParseOptions = {}): Template {
  const front = options.front ?? 'heat'
  const limits = limitsOf(front, options.limits)
  const parsed = typeof text === 'string' ? readText(text, front, limits) : readText(JSON.stringify(text), front, limits)
  const raw = parsed.data === null && front === 'heat' ? {} : parsed.data
  if (!isMap(raw)) throw new TemplateFault(front === 'aws' ? 'Template format error: unsupported structure.' : 'The template is not a JSON object or YAML mapping.', { front })
  const fault: Source['fault'] = (words, path = [], type) => new TemplateFault(words, { path, line: parsed.lineOf(path), type, front })
  const source: Source = { ...parsed, raw: raw as Source['raw'], front, options, limits, fault }
  return isHot(source) ? readHot(source) : readCfn(source)
}

/** Which language the version key says; CloudFormation's own front does without one. */
function isHot({ raw, front, fault }: Source) {
  const keys = ['heat_template_version', 'HeatTemplateFormatVersion', 'AWSTemplateFormatVersion'].filter((key) => Object.hasOwn(raw, key))
  if (keys.length > 1) throw fault(`The template version is invalid: Ambiguous versions (${keys.join(', ')})`, [keys[0]], 'InvalidTemplateVersion')
  if (!keys.length && front === 'heat') throw fault('Template format version not found.')
  return keys[0] === 'heat_template_version'
}
