/** Shell patterns with `*` alone, compared piece by piece: linear, whatever the pattern. */
export function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return pattern === text
  if (!text.startsWith(parts[0]) || !text.endsWith(parts.at(-1)!) || text.length < parts[0].length + parts.at(-1)!.length) return false
  let at = parts[0].length
  const end = text.length - parts.at(-1)!.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
export const matchesAny = (patterns: string[], text: string) => patterns.some((p) => matches(p, text))
