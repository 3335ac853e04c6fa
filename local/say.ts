/** What the person at the terminal sees: one line a step, its time at the end. A word these lines never hold before all is up: "ready". */
export const say = (line: string) => { process.stdout.write(line + '\n') }

export const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`

export type Note = (text: string) => void

/**
 * Runs one step and says how long it took. `note` tells what it is doing; the last note stands on the closing line.
 * Steps may overlap, so every line names its step.
 */
export async function step<T>(name: string, work: (note: Note) => Promise<T>): Promise<T> {
  const since = performance.now()
  let latest = '', said = ''
  const heartbeat = setInterval(() => {
    if (latest === said && performance.now() - since < 5000) return
    say(`  ${name} ... ${latest ? latest + ', ' : ''}${seconds(since)}`)
    said = latest
  }, 3000)
  try {
    const result = await work((text) => { latest = text })
    say(`  ${name}${latest ? `: ${latest}` : ''} (${seconds(since)})`)
    return result
  } catch (e) {
    say(`  ${name} failed (${seconds(since)})`)
    throw e
  } finally { clearInterval(heartbeat) }
}
