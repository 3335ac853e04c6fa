import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { root } from './layout.ts'

/** How long a comparison takes tells how much of a guess was right: what checks a MAC or a hash of a secret has to compare all of it. */
test('whoever computes a MAC compares it in constant time, and no digest is compared as text', () => {
  const dir = path.join(root, 'functions'), files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts') && !/\.test\.ts$|test-/.test(f))
  const computing = files.filter((f) => readFileSync(path.join(dir, f), 'utf8').includes('createHmac('))
  expect(computing.length).toBeGreaterThan(3)
  for (const f of computing) {
    const text = readFileSync(path.join(dir, f), 'utf8')
    expect([f, text.includes('timingSafeEqual('), /(signature|passcode|mac)\)? *[!=]==? *\w*(want|given|got|digest|hmac)/i.test(text)]).toEqual([f, true, false])
  }
})
