import { describe, expect, it } from 'vitest'
import { patternOf } from './pattern.ts'

describe('a name filter', () => {
  it.each([
    ['web', 'my-web-1', true], ['^web', 'my-web', false], ['web$', 'my-web', true], ['^.*-[0-9]+$', 'web-12', true], ['^.*-[0-9]+$', 'web-', false], ['^a+b?c$', 'aac', true], ['^a+b?c$', 'bc', false],
    ['a\\.b', 'a.b', true], ['a\\.b', 'axb', false], ['^[^x]*$', 'abc', true], ['^[^x]*$', 'axc', false], ['WEB', 'web', true], ['100%', '100', false], ['', 'anything', true],
  ])('%s meets %s: %s', (pattern, name, hit) => expect(patternOf(pattern).test(name)).toBe(hit))
  it('costs no more for being nasty', () => {
    const since = Date.now()
    expect(patternOf(`^${'.*'.repeat(100)}x$`).test('a'.repeat(255))).toBe(false)
    expect(Date.now() - since).toBeLessThan(500)
  })
})
