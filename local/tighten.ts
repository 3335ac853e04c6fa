import { existsSync, readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { root } from './layout.ts'

/**
 * Who may call what may be tightened at any time, and opened further only when docs/policy-exceptions.md says why. Compared with the table
 * as it lies here and with every table that was ever committed, so that neither writing it anew nor doing it in two steps gets around it.
 */
export const TABLE = 'docs/policy.md', EXCEPTIONS = 'docs/policy-exceptions.md'
const RANK = ['', 'own', 'all', 'public']

export interface Loosened { endpoint: string; persona: string; before: string; now: string }
type Cells = Map<string, { endpoint: string; persona: string; reach: string }>

/** Each endpoint and persona; what values in a path are called does not matter. */
export function cells(markdown: string): Cells {
  const out: Cells = new Map()
  let titles: string[] = []
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) continue
    const [endpoint, , ...reach] = line.split('|').slice(1, -1).map((c) => c.trim())
    if (endpoint === 'endpoint') titles = reach
    else if (!endpoint.startsWith('---')) titles.forEach((persona, i) => out.set(keyOf(endpoint, persona), { endpoint, persona, reach: reach[i] ?? '' }))
  }
  return out
}
const keyOf = (endpoint: string, persona: string) => `${endpoint.replaceAll(/\{\w+\}/g, '{}')} | ${persona}`

/** What is open further now than in the tightest of the tables before. */
export function loosened(before: string[], now: string): Loosened[] {
  const tightest: Cells = new Map()
  for (const table of before) for (const [key, cell] of cells(table)) {
    const have = tightest.get(key)
    if (!have || RANK.indexOf(cell.reach) < RANK.indexOf(have.reach)) tightest.set(key, cell)
  }
  return [...cells(now)].flatMap(([key, { endpoint, persona, reach }]) => {
    const was = tightest.get(key)
    return was && RANK.indexOf(reach) > RANK.indexOf(was.reach) ? [{ endpoint, persona, before: was.reach, now: reach }] : []
  })
}

/** `- METHOD /path | persona | reach: why`; a reason is more than a word. */
export function excused(text: string): Set<string> {
  const out = new Set<string>()
  for (const line of text.split('\n')) {
    const m = /^- ([A-Z]+ [^|]+?) \| ([^|]+?) \| (own|all|public): (\S+ \S+ .+)$/.exec(line)
    if (m) out.add(`${keyOf(m[1], m[2])} | ${m[3]}`)
    else if (line.startsWith('- ')) throw new Error(`${EXCEPTIONS}: '${line.slice(0, 80)}' is not of the form: - METHOD /path | persona | own, all or public: why`)
  }
  return out
}

const git = (...args: string[]) => { try { return execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'ignore'] }) } catch { return '' } }
const read = (file: string) => { const at = path.join(root, file); return existsSync(at) ? readFileSync(at, 'utf8') : '' }
/** The tables there were, as far as the history at hand goes. */
const history = () => git('log', '--format=%H', '--', TABLE).split('\n').filter(Boolean).map((commit) => git('show', `${commit}:${TABLE}`))

/** Throws with all that was opened and not explained. */
export function onlyTighter(now: string): void {
  const ok = excused(read(EXCEPTIONS)), open = loosened([read(TABLE), ...history()], now).filter((l) => !ok.has(`${keyOf(l.endpoint, l.persona)} | ${l.now}`))
  if (!open.length) return
  throw new Error(`the policy opens what was closed; say why in ${EXCEPTIONS}, a line for each:\n${open.map((l) => `- ${l.endpoint} | ${l.persona} | ${l.now}: (was ${l.before || 'refused'})`).join('\n')}`)
}
