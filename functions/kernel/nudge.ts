/** Changes that concern many hosts come many at a time: hosts are told of them together, this often. */
export const pace = { ms: 500 }
const concerned = new Set<string>()
let quietUntil = 0, flushAt = 0

/**
 * Tells hosts that what should be on them changed: the first at once, those that follow together a moment later. The set
 * holds names only and is emptied by whichever request waits; should that one be cut off, the next takes its place.
 */
export async function nudge(hosts: Iterable<string>, ring: (host: string) => Promise<unknown>): Promise<void> {
  for (const host of hosts) concerned.add(host)
  const now = Date.now()
  if (flushAt > now - pace.ms) return
  if (quietUntil > now) {
    flushAt = quietUntil
    await new Promise((wake) => setTimeout(wake, quietUntil - now))
    flushAt = 0
  }
  quietUntil = Date.now() + pace.ms
  const told = [...concerned]
  concerned.clear()
  await Promise.all(told.map((host) => ring(host).catch(() => {})))
}
