import { expect, it } from 'vitest'
import { Doorbell } from './doorbell.ts'

const ask = async (bell: Doorbell, what: string) => Number(await (await bell.fetch(new Request(`http://doorbell/${what}`))).text())

it('a ring wakes who waits; who knows the count already does not wait for an old one', async () => {
  const bell = new Doorbell(), at = await ask(bell, 'wait?bell=0&seconds=9')
  const woken = ask(bell, `wait?bell=${at}&seconds=9`)
  expect(await ask(bell, 'ring')).toBe(at + 1)
  expect(await woken).toBe(at + 1)
})

it('of many nudges the first wakes at once and the others together, soon; a ring says what they had to say', async () => {
  const bell = new Doorbell(), at = await ask(bell, 'wait?bell=0&seconds=9'), since = Date.now()
  expect(await ask(bell, 'nudge')).toBe(at + 1)
  for (let i = 0; i < 20; i++) expect(await ask(bell, 'nudge')).toBe(at + 1)
  expect(await ask(bell, `wait?bell=${at + 1}&seconds=9`)).toBe(at + 2)
  expect(Date.now() - since).toBeGreaterThan(800)
  await ask(bell, 'nudge')
  expect(await ask(bell, 'ring')).toBe(at + 3)
  expect(await ask(bell, `wait?bell=${at + 3}&seconds=1.3`)).toBe(at + 3)
})

it('who waits is told whether it was rung for work, or only that something changed', async () => {
  const bell = new Doorbell(), wait = async (at: number) => { const r = await bell.fetch(new Request(`http://doorbell/wait?bell=${at}&seconds=9`)); return [Number(await r.text()), r.headers.has('work')] as const }
  const [at] = await wait(0)
  await ask(bell, 'nudge')
  expect(await wait(at)).toEqual([at + 1, false])
  const waiting = wait(at + 1)
  await ask(bell, 'ring')
  expect(await waiting).toEqual([at + 2, true])
  // Said once.
  await new Promise((r) => setTimeout(r, 1100))
  await ask(bell, 'nudge')
  expect(await wait(at + 2)).toEqual([at + 3, false])
})
