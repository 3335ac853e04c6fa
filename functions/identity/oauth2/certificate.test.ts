import { beforeAll, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'

/** Users who prove who they are with a certificate that a proxy in front of the cloud has seen. */
const ROBOT = `-----BEGIN CERTIFICATE-----
MIIDFzCCAf8CFCc2aEjjuku9MB8eAP+/0YVP5cD9MA0GCSqGSIb3DQEBCwUAMDMx
CzAJBgNVBAYTAkVVMQwwCgYDVQQKDANMYWIxFjAUBgNVBAMMDWxhYiBhdXRob3Jp
dHkwIBcNMjYxMTIyMDA1MzA2WhgPMjA1OTA5MzAwMDUzMDZaMFsxCzAJBgNVBAYT
AkVVMQwwCgYDVQQKDANMYWIxDzANBgNVBAsMBnJvYm90czEOMAwGA1UEAwwFcm9i
b3QxHTAbBgkqhkiG9w0BCQEWDnJvYm90QGxhYi50ZXN0MIIBIjANBgkqhkiG9w0B
AQEFAAOCAQ8AMIIBCgKCAQEAip448d7qULpom29dOxVfLuOlVk2PHpBO0hqlrRqA
EL/dPfCaq/+hR4/cLmmsfzj5KPk3SQke4qs1E/k4GG9rrllJj1tHHTlOnrqa80Mu
3qi5rHCZREZbM6jvAmHvKewMrhlgCayeiUlNAxHT+7PUlUDopuQnqnv7nFjqVdNi
XQjTXW8XGRj0lAVXocMf7q9KMxEN8NB5psWhd51tRWN+OfP+d7cUB6RKwzcBXclR
xtdG4brY6N997yWk/skhukFTQq5mDgdijgK2Zbz3bWl8qFCp8xxHfTPiFkZ5hNQd
Lw2ZLLKXQKphTGeaAqKqAKy8LXjX2Q9d0krRylO5O3eC5QIDAQABMA0GCSqGSIb3
DQEBCwUAA4IBAQBQdUB5A8nvVHfGmb0654JrwF9P7KZHRQx7YQxr2Yy0Nt1qvMTl
mqajZyGk+9yh3P5bw7iZkGb93oLdgdHcVu8/6tscGFYWTJ1aABMbUpKDxMsMiL98
pZzXIrAveDplIMFF8xoIB6fm298hdbWbK52RcG2tQifSF0cW4bM1d5GzUs7vidCR
dx3PXAm7OI5LQdFm2sbP5Iz+NNKIuMpP0giojRQZ0y4S6E1Eb4xzCMtOC3vzAqk1
zb4gXpbVCQBrzgqr19pCwhw1C0iJDfLoUx/fzavsGBQU1XWodFpr1Fba4kzeqiyS
zLoyY1bcNPfOOQ4VyUI9ise2G81WZT8pbyhk
-----END CERTIFICATE-----`
const OTHER = `-----BEGIN CERTIFICATE-----
MIIDFzCCAf8CFCc2aEjjuku9MB8eAP+/0YVP5cD+MA0GCSqGSIb3DQEBCwUAMDMx
CzAJBgNVBAYTAkVVMQwwCgYDVQQKDANMYWIxFjAUBgNVBAMMDWxhYiBhdXRob3Jp
dHkwIBcNMjYxMTIyMDA1MzA2WhgPMjA1OTA5MzAwMDUzMDZaMFsxCzAJBgNVBAYT
AkVVMQwwCgYDVQQKDANMYWIxDzANBgNVBAsMBnJvYm90czEOMAwGA1UEAwwFb3Ro
ZXIxHTAbBgkqhkiG9w0BCQEWDm90aGVyQGxhYi50ZXN0MIIBIjANBgkqhkiG9w0B
AQEFAAOCAQ8AMIIBCgKCAQEApTfNicS295/STiTvOQ+fCdYzV+JtgIB+4etGcD+f
K0Fn63y7gYTE6lJLMPCaA+Ac4WyGFn7mY/1GSZ8FTwI559jRYOTM/3JXwb4ZMW2e
9NEfqkZ5LR/LtrwTvYAlC1FRqxY08GlfyYqzp4/5ykemfoRlYD9AXtAzl/QcnDqL
4iwMhg0EJAI53SCYdbj4JlLsV88K2tSDJg8C2EL2vD3Ovf/G23os1Xb/ZABE9mFO
vh22VeyjFnHZZOPJIGhULb126inCLgNxLulEmggGSqPcYu6RxGNMsel0GVxcQTE8
3yB60Qv2dL0+tKlCUO8Z0QxtDtwtpQ6UgXqEaEJZpQ6IEwIDAQABMA0GCSqGSIb3
DQEBCwUAA4IBAQBKKakl0biaA4OWOuZ2/0O8KsUC0KMFPtz2Pn15XNMMxKfdeBUI
iFrbNlKHQiaySa7Dq1YoLbdNwpU5yPTvtmnS2Z0aMQcZ+ybF/GcIeI7q81Tm9qGl
54cNljW/KWGmfjIiT1VwoHSgmvA/yqCxvsvtHZ4JR9f+x1UTS1msuQsHbw/GLJtD
xAxyK7SfaI5pG0RUMKHC5svahlpyntd21EgdEaJ1JpQ2te7y4mt39UK2mKAX5yP6
fgunQOgmW3OQc+j1jmBXoSLWv2slqIjRAqgPLEc/KO3OQIiZIMB08JqpZwz11CR9
Qkfyt6nJHi0w0y8nReRfgIWODqTa4h/WCtIF
-----END CERTIFICATE-----`
let c: IdentityCloud, admin: string, robot: Awaited<ReturnType<IdentityCloud['person']>>
const SECRET = 'known-to-proxy-and-cloud'
beforeAll(async () => {
  c = await identityCloud(); admin = await c.admin()
  c.env.PROXY_SECRET = SECRET
  c.env.SECURITY = '{"client_certificate_header": "x-client-cert"}'
  robot = await c.person('robot')
  await c.v3('PATCH', `/users/${robot.id}`, admin, { user: { email: 'robot@lab.test', default_project_id: robot.project } })
  const r = await c.v3('PUT', '/OS-FEDERATION/mappings/oauth2_mapping', admin, { mapping: { rules: [{
    local: [{ user: { name: '{0}', email: '{1}', domain: { name: 'Default' } } }],
    remote: [{ type: 'SSL_CLIENT_SUBJECT_DN_CN' }, { type: 'SSL_CLIENT_SUBJECT_DN_emailAddress' }, { type: 'SSL_CLIENT_ISSUER_DN_CN', any_one_of: ['lab authority'] }],
  }] } })
  expect(r.status).toBe(201)
})
const shown = (pem: string, secret = SECRET) => ({ 'x-client-cert': encodeURIComponent(pem), 'x-proxy-secret': secret })
const ask = (headers: Record<string, string>, id = robot.id) => c.call('POST', '/identity/v3/OS-OAUTH2/token', { raw: `grant_type=client_credentials&client_id=${id}`, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } })

it('a certificate of the right names is the user, on the usual project, with a token that says which certificate it goes with', async () => {
  const r = await ask(shown(ROBOT)), token = r.body.access_token
  expect([r.status, r.body.token_type]).toEqual([200, 'Bearer'])
  const t = (await c.v3('GET', '/auth/tokens', admin, undefined, { 'x-subject-token': token })).body.token
  expect(t).toMatchObject({ methods: ['oauth2_credential'], user: { id: robot.id }, project: { id: robot.project }, oauth2_credential: { 'x5t#S256': expect.stringMatching(/^[\w-]{43}$/) } })
  const rfc = `:${ROBOT.replaceAll(/-----[^-]+-----|\s/g, '')}:`
  expect((await ask({ 'x-client-cert': rfc, 'x-proxy-secret': SECRET })).status).toBe(200)
})
it('the token is good with that certificate alone, and so is what is made of it', async () => {
  const token = (await ask(shown(ROBOT))).body.access_token, look = (headers: Record<string, string>) => c.call('GET', '/identity/v3/auth/catalog', { token, headers })
  expect([(await look(shown(ROBOT))).status, (await look({})).status, (await look(shown(OTHER))).status, (await look(shown(ROBOT, 'guessed'))).status]).toEqual([200, 401, 401, 401])
  const rescope = (headers: Record<string, string>) => c.call('POST', '/identity/v3/auth/tokens', { body: { auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: robot.project } } } }, headers })
  expect((await rescope({})).status).toBe(404)
  const again = await rescope(shown(ROBOT)), next = again.headers.get('x-subject-token')!
  expect([again.status, (await c.call('GET', '/identity/v3/auth/catalog', { token: next })).status, (await c.call('GET', '/identity/v3/auth/catalog', { token: next, headers: shown(ROBOT) })).status]).toEqual([201, 401, 200])
})
it('is refused: another name, another user, a header that anybody may send, no certificate, no mapping', async () => {
  const other = await c.person('bystander')
  const cases = [shown(OTHER), shown(ROBOT, ''), { 'x-client-cert': encodeURIComponent(ROBOT) }, { 'x-proxy-secret': SECRET }, shown('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'), shown('nothing')]
  for (const headers of cases) expect([(await ask(headers as Record<string, string>)).status, (await ask(headers as Record<string, string>)).body.error]).toEqual([401, 'invalid_client'])
  for (const id of [other.id, 'no-such-user']) expect((await ask(shown(ROBOT), id)).status).toBe(401)
  c.env.PROXY_SECRET = undefined
  try { expect((await ask(shown(ROBOT, ''))).status).toBe(401) } finally { c.env.PROXY_SECRET = SECRET }
  c.env.SECURITY = '{"client_certificate_header": "x-client-cert", "oauth2_cert_dn_mapping_id": "none"}'
  try { expect((await ask(shown(ROBOT))).status).toBe(401) } finally { c.env.SECURITY = '{"client_certificate_header": "x-client-cert"}' }
})
