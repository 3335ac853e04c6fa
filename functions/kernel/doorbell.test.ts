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
