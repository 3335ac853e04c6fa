import { expect, test } from 'vitest'
import { external } from './external.ts'
import { parse } from './options.ts'

test('stores of others: remembered with their keys, which go to no other URL', () => {
  const env = { S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b', LIBSQL_TOKEN: 't' }
  const first = external(parse(['--s3-url', 'http://s:1/', '--libsql-url', 'libsql://d']), {}, env)
  expect(first).toMatchObject({ s3: { url: 'http://s:1', accessKey: 'a', secretKey: 'b', bucket: 'virga' }, libsql: { url: 'libsql://d', token: 't' } })
  expect(external(parse([]), first, {})).toEqual(first)
  expect(external(parse([]), first, { S3_ACCESS_KEY: 'of something else' })).toEqual(first)
  expect(external(parse(['--s3-url', 'http://s:1']), first, { S3_SECRET_KEY: 'new' }).s3).toMatchObject({ accessKey: 'a', secretKey: 'new' })
  expect(() => external(parse(['--s3-url', 'http://other']), first, {})).toThrow(/S3_ACCESS_KEY/)
  expect(external(parse(['--libsql-url', 'http://other']), first, {}).libsql).toEqual({ url: 'http://other', token: undefined })
  expect(external(parse(['--s3-url', 'local', '--libsql-url', 'local']), first, {})).toEqual({ s3: undefined, libsql: undefined })
})
