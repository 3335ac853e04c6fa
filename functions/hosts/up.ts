import { seconds } from '../kernel/env.ts'

/** Silence after which a host counts as down: it polls at least every 20 s. */
export const SILENCE = seconds(30)
export const isUp = (h: { seenAt: number; forcedDown: boolean }, now: number) => !h.forcedDown && now - h.seenAt <= SILENCE
