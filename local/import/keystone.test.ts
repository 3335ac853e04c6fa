import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createClient } from '@libsql/client/http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { computed } from '../../functions/identity/passwords.ts'
import type { Env } from '../../functions/kernel/env.ts'
import { root } from '../layout.ts'
import { readDump } from './dump.ts'
import { importKeystone } from './main.ts'
import { importCloud, type ImportCloud } from './test-kit.ts'

/** Made by Keystone 22 itself (its own managers, its own three kinds of password hashes), written out by sqlite3. */
const dump = readFileSync(path.join(root, 'local/import/keystone-22.sql'), 'utf8')
let k: ImportCloud, env: Env
const call: ImportCloud['call'] = (...a) => k.call(...a)
const login = (name: string, password: string, scope: unknown, domain = 'Physics') => k.login(name, password, scope, domain)
beforeAll(async () => { k = await importCloud(async (url) => { await expect(importKeystone(dump, { url })).rejects.toThrow('no cloud yet') }); env = k.env }, 60_000)
afterAll(() => k.close())
const lhc = { project: { name: 'lhc', domain: { name: 'Physics' } } }

test('users, groups, roles and projects of a real Keystone come over, and passwords with them', async () => {
  const dry = await importKeystone(dump, { url: env.LIBSQL_URL }, { dryRun: true })
  expect((await login('niels', 'niels-old-secret', lhc)).status).toBe(401)
  const done = await importKeystone(dump, { url: env.LIBSQL_URL })
  expect(done.counts).toEqual(dry.counts)
  expect(done.counts).toEqual({ 'access rules': 1, 'application credentials': 1, roles: 1, 'implied roles': 3, domains: 1, projects: 2, users: 4, groups: 1, memberships: 1, assignments: 5 })
  expect(done.notes.join('\n')).toMatch(/role reader is here already[^]*endpoints are left out/)

  // Before anybody came: all of these cost a hash of each kind there is, so that none tells itself apart.
  const cost = async (name: string, domain = 'Physics') => { computed.clear(); expect((await login(name, 'wrong', 'unscoped', domain)).status).toBe(401); return Object.fromEntries([...computed].sort()) }
  const every = Object.fromEntries(['$scrypt$ln=14,r=8,p=1$', '$2b$10$', '$2b$12$', '$scrypt$ln=16,r=8,p=1$', '$pbkdf2-sha512$20000$'].sort().map((k) => [k, 1]))
  for (const [name, domain] of [['niels'], ['lise'], ['emmy'], ['gone'], ['nobody'], ['admin', 'Default'], ['nobody', 'Default']]) expect([name, await cost(name, domain)]).toEqual([name, every])

  const niels = await login('niels', 'niels-old-secret', lhc), names = (r: { body: any }) => r.body.token.roles.map((x: any) => x.name).sort()
  expect([niels.status, names(niels)]).toEqual([201, ['member', 'reader']])
  expect(niels.body.token).toMatchObject({ project: { id: 'ce022a535a924b9e8b125b26e767f6dd' }, user: { id: 'da681295977c4389b959950133ecf65e' } })
  const lise = await login('lise', 'lise-old-secret', lhc)
  expect([lise.status, names(lise)]).toEqual([201, ['reader', 'shifter']])
  const emmy = await login('emmy', 'emmy-old-secret', lhc)
  expect([emmy.status, names(emmy)]).toEqual([201, ['reader']])
  expect(names(await login('niels', 'niels-old-secret', { domain: { name: 'Physics' } }))).toContain('admin')
  expect(names(await login('niels', 'niels-old-secret', { system: { all: true } }))).toEqual(['reader'])
  for (const name of ['niels', 'lise', 'emmy']) expect((await login(name, 'wrong', lhc)).status).toBe(401)
  expect((await login('gone', 'gone-old-secret', 'unscoped')).status).toBe(401)
  const admin = await login('admin', 'admin-secret', { project: { name: 'admin', domain: { id: 'default' } } }, 'Default'), token = admin.headers.get('x-subject-token')!
  expect([admin.status, (await login('admin', 'old-admin-secret', 'unscoped', 'Default')).status]).toEqual([201, 401])
  expect((await call('GET', '/identity/v3/projects/ce022a535a924b9e8b125b26e767f6dd', undefined, token)).body.project).toMatchObject({ description: 'ring\nand beam', tags: ['blue', 'green'] })
  expect((await call('GET', '/identity/v3/users/da681295977c4389b959950133ecf65e', undefined, token)).body.user).toMatchObject({ email: 'niels@old.test', options: { ignore_password_expiry: true } })
  expect((await call('GET', '/identity/v3/projects?name=atlas', undefined, token)).body.projects[0]).toMatchObject({ enabled: false, parent_id: 'ce022a535a924b9e8b125b26e767f6dd' })
}, 60_000)

test('hashes become ours with the first login, and a second import changes nothing', async () => {
  const client = createClient({ url: env.LIBSQL_URL }), look = async () => (await client.execute("select name, password from user where domain_id <> 'default' order by name")).rows.map((r) => [r.name, r.password])
  const before = await look()
  expect(before.filter(([n]) => n !== 'gone').every(([, p]) => String(p).startsWith('$scrypt$ln=14,'))).toBe(true)
  await importKeystone(dump, { url: env.LIBSQL_URL })
  expect(await look()).toEqual(before)
  for (const name of ['niels', 'lise', 'emmy']) expect((await login(name, `${name}-old-secret`, lhc)).status).toBe(201)
  await importKeystone(dump, { url: env.LIBSQL_URL }, { catalog: true })
  expect((await client.execute("select count(*) as n from endpoint where url like 'http://old.test%'")).rows[0].n).toBe(2)
  client.close()
}, 60_000)

test('application credentials go on to work, and credentials with the keys that open them', async () => {
  const use = (secret: string) => call('POST', '/identity/v3/auth/tokens', { auth: { identity: { methods: ['application_credential'], application_credential: { id: '5f1c7c3a2e9b4d0f8a6b1c2d3e4f5a6b', secret } } } })
  computed.clear()
  expect((await use('wrong')).status).toBe(401)
  expect(computed.get('$2b$12$')).toBe(1)
  const r = await use('old-app-secret'), token = r.headers.get('x-subject-token')!
  expect([r.status, r.body.token.roles.map((x: any) => x.name).sort(), r.body.token.project.name]).toEqual([201, ['member', 'reader'], 'lhc'])
  expect([(await call('GET', '/identity/v3/auth/catalog', undefined, token)).status, (await call('GET', '/identity/v3/auth/projects', undefined, token)).status]).toEqual([200, 401])
  computed.clear()
  expect((await use('old-app-secret')).status).toBe(201)
  expect([...computed.keys()]).toEqual(['$scrypt$ln=14,r=8,p=1$'])
  const none = await importKeystone(dump, { url: env.LIBSQL_URL })
  expect(none.notes.join('\n')).toContain('2 credentials are left out')
  const wrong = await importKeystone(dump, { url: env.LIBSQL_URL }, { dryRun: true, keys: ['AAAA', 'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB='], masterSecret: env.MASTER_SECRET })
  expect([wrong.counts.credentials, wrong.notes.filter((n) => n.includes('none of the keys')).length]).toEqual([undefined, 2])
  expect((await importKeystone(dump, { url: env.LIBSQL_URL }, { keys: ['AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=', 'AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI='], masterSecret: env.MASTER_SECRET })).counts.credentials).toBe(2)
  const admin = (await login('admin', 'admin-secret', { project: { name: 'admin', domain: { id: 'default' } } }, 'Default')).headers.get('x-subject-token')!
  const got = (await call('GET', '/identity/v3/credentials?user_id=da681295977c4389b959950133ecf65e', undefined, admin)).body.credentials
  expect(got.map((c: any) => [c.type, c.blob]).sort()).toEqual([['ec2', '{"access": "0ldacce55", "secret": "0ldsecret"}'], ['totp', 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ']])
}, 60_000)

test("dumps of MySQL and PostgreSQL are read, and what is no dump is told", () => {
  const mysql = "-- MySQL dump 10.19\n/*!40101 SET NAMES utf8 */;\nCREATE TABLE `user` (\n  `id` varchar(64) NOT NULL,\n  `extra` text DEFAULT NULL,\n  `enabled` tinyint(1) DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  KEY `x` (`enabled`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;\nINSERT INTO `user` VALUES ('a','{\\\"email\\\": \\\"it\\'s\\\"}',1),('b','line\\nbreak, (x)',NULL);\n"
  expect(readDump(mysql).user).toEqual([{ id: 'a', extra: '{"email": "it\'s"}', enabled: 1 }, { id: 'b', extra: 'line\nbreak, (x)', enabled: null }])
  expect(readDump("INSERT INTO public.role (id, name) VALUES ('r', 'back\\slash''s');\nINSERT INTO public.project (id, enabled) VALUES ('p', true);\n")).toEqual({ role: [{ id: 'r', name: "back\\slash's" }], project: [{ id: 'p', enabled: 1 }] })
  expect(() => readDump("INSERT INTO a VALUES (1);")).toThrow('columns')
  expect(() => readDump("INSERT INTO a (b) VALUES ('x")).toThrow('cannot be read')
})
