import { flushCompileCache, getCompileCacheDir } from 'node:module'
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Begins anew, as the same process, when sources had to be read as TypeScript: what that takes of memory stays with whoever
 * did it. The second time all is found compiled. `more` loads what is otherwise loaded only when it is needed.
 */
export async function afresh(more?: () => Promise<unknown>): Promise<void> {
  const { moduleLoadList } = process as unknown as { moduleLoadList: string[] }
  if (!getCompileCacheDir() || process.env.VIRGA_AFRESH === String(process.pid) || !moduleLoadList.some((name) => name.includes('/amaro/'))) return
  await more?.()
  flushCompileCache()
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], { ...process.env, VIRGA_AFRESH: String(process.pid) })
}

const quiet = 0.05, worth = 4 << 20

/**
 * What starting took is not needed any more, nor, after it, what a busy time did: without this the heap keeps it until it has some
 * reason to look, and a quiet process has none. What was compiled is kept for the next.
 */
export function tidyAfter(ms: number): void {
  let load = performance.eventLoopUtilization(), left = 0
  // Only this way of collecting gives back the room for new objects, most of what is taken.
  const collect = () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    left = process.memoryUsage().heapTotal
  }
  setTimeout(() => {
    flushCompileCache()
    collect()
    setInterval(() => {
      const now = performance.eventLoopUtilization(), { utilization } = performance.eventLoopUtilization(now, load)
      load = now
      if (utilization < quiet && process.memoryUsage().heapTotal > left + worth) collect()
    }, 60_000).unref()
  }, ms).unref()
}
