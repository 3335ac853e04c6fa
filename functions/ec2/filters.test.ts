import { expect, it } from 'vitest'
import { glob, matcher } from './filters.ts'

it.each<[string, string, boolean]>([
  ['a', 'a', true], ['a', 'b', false], ['a*', 'abc', true], ['*c', 'abc', true], ['*b*', 'abc', true], ['a?c', 'abc', true], ['a?c', 'ac', false], ['*', '', true], ['?', '', false], ['', '', true], ['a*b*c', 'a-b-b-c', true], ['a*b*c', 'a-c-b', false],
  ['\\*', '*', true], ['\\*', 'x', false], ['a\\?', 'a?', true], ['\\\\', '\\', true], ['.+', '.+', true], ['.+', 'aa', false], ['ü?', 'ü😀', true],
  ['0a1b2c3d-0000-4000-8000-00000000000f', 'i-0a1b2c3d000040008000'.concat('00000000000f'), true], ['0a1b2c3d-0000-4000-8000-00000000000f', 'i-0a1b2c3d00004000800000000000000e', false],
])('the pattern %s and the text %s: %s', (pattern, text, wanted) => { expect(glob(pattern)(text)).toBe(wanted) })

it('a pattern of nothing but stars and letters takes no longer than others', () => {
  expect(glob('*a'.repeat(500) + 'b')('a'.repeat(20_000))).toBe(false)
})

it('all filters hold, each with one of its values', () => {
  const item = { a: 1, tagSet: [{ key: 'k', value: 'v' }] }, fits = (...filters: [string, ...string[]][]) => matcher<typeof item>({ a: (x) => x.a }, filters.map(([Name, ...Values]) => ({ Name, Values })))(item)
  expect([fits(['a', '1']), fits(['a', '2', '1']), fits(['a', '1'], ['tag:k', 'x']), fits(['tag:k', 'v'], ['tag-key', 'k'], ['tag-value', 'v']), fits(['a'])]).toEqual([true, true, false, true, false])
  expect(() => fits(['constructor', 'x'])).toThrow(/is invalid/)
})
