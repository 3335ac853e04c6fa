import { RE2JS } from 're2js'
import { YaqlError } from './parse.ts'

/** Regular expressions that never take more than linear time. */
export class Regex {
  private compiled: RE2JS
  constructor(pattern: string, flags = 0) {
    try {
      this.compiled = RE2JS.compile(pattern, flags)
    } catch (error) {
      throw new YaqlError(`The pattern "${pattern}" is not supported: ${(error as Error).message}`)
    }
  }

  matches(text: string) { return this.compiled.matcher(text).find() }

  /** Where it matches, one after the other. */
  * all(text: string): Generator<{ start: number, end: number, groups: (string | null)[] }> {
    const matcher = this.compiled.matcher(text)
    while (matcher.find()) {
      yield { start: matcher.start(), end: matcher.end(), groups: Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? null) }
    }
  }

  /** `\1` and `\g<1>` in the replacement are groups. */
  replace(text: string, by: (groups: (string | null)[]) => string, count = 0): string {
    let out = '', last = 0, n = 0
    for (const { start, end, groups } of this.all(text)) {
      if (count > 0 && n++ >= count) break
      out += text.slice(last, start) + by(groups)
      last = end
    }
    return out + text.slice(last)
  }

  split(text: string, max = 0): (string | null)[] {
    const out: (string | null)[] = []
    let last = 0, n = 0
    for (const { start, end, groups } of this.all(text)) {
      if (max > 0 && n++ >= max) break
      out.push(text.slice(last, start), ...groups.slice(1))
      last = end
    }
    return [...out, text.slice(last)]
  }
}

export const regexOf = (pattern: string | Regex) => pattern instanceof Regex ? pattern : new Regex(pattern)
export const flagsOf = (ignoreCase: boolean, multiLine: boolean, dotAll: boolean) =>
  (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (multiLine ? RE2JS.MULTILINE : 0) | (dotAll ? RE2JS.DOTALL : 0)
export const putGroups = (template: string, groups: (string | null)[]) => template.replace(/\\(\d+|g<(\d+)>)/g, (_, plain: string, named: string | undefined) => groups[Number(named ?? plain)] ?? '')
