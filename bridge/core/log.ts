/** One JSON object a line. What is logged is ids, kinds, times and messages; never a body, a header or a URL's query. */
export interface Log {
  (message: string, more?: Record<string, unknown>): void
  with(more: Record<string, unknown>): Log
}

export function logger(write: (line: string) => void, always: Record<string, unknown> = {}): Log {
  const log = (message: string, more: Record<string, unknown> = {}) =>
    write(JSON.stringify({ time: new Date().toISOString(), message, ...always, ...more }) + '\n')
  return Object.assign(log, { with: (more: Record<string, unknown>) => logger(write, { ...always, ...more }) })
}

export const quiet = logger(() => {})
