import { RE2JS } from 're2js'

/** A regular expression matched in time linear in the text, whatever it is: templates come from users. */
export interface Pattern { whole(text: string): boolean }

/**
 * The automaton knows no look-around and no back reference. Looks ahead at the very beginning (`^(?=.*\d)(?!.* ).{8,}$`), the way
 * passwords are described, are patterns of their own; anything else of the kind is refused: `undefined`.
 */
export function patternOf(source: string): Pattern | undefined {
  const ahead: { pattern: RE2JS, wanted: boolean }[] = []
  let rest = source.replace(/^\^/, '')
  const anchored = rest !== source
  try {
    for (let look = lookAt(rest); look; look = lookAt(rest)) {
      ahead.push({ pattern: RE2JS.compile(`(?s:^(?:${look.body}))`), wanted: look.wanted })
      rest = rest.slice(look.end)
    }
    const main = RE2JS.compile(ahead.length ? rest : anchored ? source : rest)
    return { whole: (text) => ahead.every(({ pattern, wanted }) => pattern.matcher(text).find() === wanted) && main.matches(text) }
  } catch {
    return undefined
  }
}

/** A `(?=...)` or `(?!...)` at the beginning: its body and where it ends. */
function lookAt(source: string): { body: string, wanted: boolean, end: number } | undefined {
  if (!source.startsWith('(?=') && !source.startsWith('(?!')) return undefined
  let depth = 0, set = false
  for (let i = 0; i < source.length; i++) {
    const c = source[i]
    if (c === '\\') i++
    else if (set) set = c !== ']'
    else if (c === '[') set = true
    else if (c === '(') depth++
    else if (c === ')' && --depth === 0) return { body: source.slice(3, i), wanted: source[2] === '=', end: i + 1 }
  }
  return undefined
}
