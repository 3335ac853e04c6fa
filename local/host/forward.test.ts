import { expect, test } from 'vitest'
import { targets } from './forward.ts'

test('what hosts reach: addresses as they are, each name at a loopback address of its own, ports that go without saying', () => {
  expect(targets(['http://127.0.0.1:8080', 'http://192.0.2.9:9000', 'http://[2001:db8::1]:81', 'https://s3.example', 'https://s3.example:444', 'http://other', 'http://127.0.0.1:8080/x'])).toEqual([
    { host: '127.0.0.1', port: 8080, at: '127.0.0.1' }, { host: '192.0.2.9', port: 9000, at: '192.0.2.9' }, { host: '2001:db8::1', port: 81, at: '2001:db8::1' },
    { host: 's3.example', port: 443, at: '127.0.1.4' }, { host: 's3.example', port: 444, at: '127.0.1.4' }, { host: 'other', port: 80, at: '127.0.1.6' },
  ])
})
