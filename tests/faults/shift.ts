import { readFileSync } from 'node:fs'

/**
 * Loaded before a program (`node --import`), sets its clock: VIRGA_CLOCK names a file with the seconds by which it is wrong,
 * looked at ten times a second. Clocks that only count (performance.now, timers) go on as ever, as on a machine whose time is set.
 */
const file = process.env.VIRGA_CLOCK!
const RealDate = Date, now = Date.now.bind(Date)
let off = 0
const look = () => { try { off = Number(readFileSync(file, 'utf8')) * 1000 || 0 } catch { off = 0 } }
look()
setInterval(look, 100).unref()
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, self) => Reflect.construct(target, args.length ? args : [now() + off], self),
  apply: () => new RealDate(now() + off).toString(),
  get: (target, key) => key === 'now' ? () => now() + off : Reflect.get(target, key),
})
