import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { stack, stackResource } from '../../schema/orchestration.ts'
import type { Sealed } from '../../schema/kernel.ts'
import { eq } from 'drizzle-orm'
import { q } from '../kernel/db.ts'
import { signer } from '../aws/test-kit.ts'
import { hot, stacks } from './test-kit.ts'

const k = await stacks(), who = await signer(k.c, k.demo)
const get = (...path: string[]) => ({ get_attr: path }), ref = (name: string) => ({ get_resource: name })
const inner = JSON.stringify(hot({ v: { type: 'OS::Heat::Value', properties: { value: { list_join: ['', ['<', { get_param: 'given' }, '>']] } } } }, { parameters: { given: { type: 'string' } }, outputs: { out: { value: get('v', 'value') } } }))
const GIVEN = 'correct-horse-battery'

/** Every readable value of every table. */
async function everything(): Promise<string> {
  const [tables] = await k.c.db().read([q.all<{ name: string }>(sql`select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`)])
  const rows = await k.c.db().read(tables.map((t) => q.all<Record<string, unknown>>(sql.raw(`select * from "${t.name}"`))) as never)
  return JSON.stringify(tables.map((t, i) => [t.name, rows[i]]))
}
const around = (text: string, secret: string) => { const at = text.indexOf(JSON.stringify(secret).slice(1, -1)); return at < 0 ? 'nowhere' : text.slice(Math.max(0, at - 300), at + 60) }

it('what a stack was given or has made lies readable in no row, and its owner reads all of it', async () => {
  const s = await k.create(hot({
    word: { type: 'OS::Heat::RandomString', properties: { length: 40 } },
    key: { type: 'OS::Nova::KeyPair', properties: { name: 'made-here', save_private_key: true } },
    user: { type: 'AWS::IAM::User', properties: { UserName: 'guest' } }, access: { type: 'AWS::IAM::AccessKey', properties: { UserName: ref('user') } },
    text: { type: 'OS::Heat::Value', properties: { value: { str_replace: { template: 'secret=W', params: { W: get('word', 'value') } } } } },
    meta: { type: 'OS::Heat::TestResource', properties: { value: { get_param: 'pass' } }, metadata: { password: { get_param: 'pass' }, word: get('word', 'value') } },
    nested: { type: 'inner.yaml', properties: { given: get('word', 'value') }, metadata: { word: get('word', 'value') } },
    group: { type: 'OS::Heat::ResourceGroup', properties: { count: 1, resource_def: { type: 'OS::Heat::TestResource', properties: { value: { get_param: 'pass' } } } } },
    config: { type: 'OS::Heat::StructuredConfig', properties: { inputs: [{ name: 'in' }], config: { at: { get_input: 'in' }, word: get('word', 'value') } } },
    machine: { type: 'OS::Heat::DeployedServer' },
    deployed: { type: 'OS::Heat::StructuredDeployment', properties: { config: ref('config'), server: ref('machine'), signal_transport: 'NO_SIGNAL', input_values: { in: { get_param: 'pass' } } } },
    handle: { type: 'OS::Heat::WaitConditionHandle' },
  }, { parameters: { pass: { type: 'string', hidden: true } }, outputs: { word: { value: get('word', 'value') }, private: { value: get('key', 'private_key') }, secret: { value: get('access', 'SecretAccessKey') }, text: { value: get('text', 'value') }, nested: { value: get('nested', 'out') }, group: { value: get('group', 'output') }, handle: { value: get('handle', 'endpoint') } } }), { parameters: { pass: GIVEN }, files: { 'inner.yaml': inner } })
  expect([s.stack_status, s.stack_status_reason]).toEqual(['CREATE_COMPLETE', 'Stack CREATE completed successfully'])
  const out = Object.fromEntries(s.outputs.map((o: any) => [o.output_key, o.output_value]))
  expect(out).toMatchObject({ word: expect.stringMatching(/^\w{40}$/), private: expect.stringContaining('PRIVATE KEY'), secret: expect.stringMatching(/^[0-9a-f]{32}$/), text: `secret=${out.word}`, nested: `<${out.word}>`, group: [GIVEN] })
  const rows = await everything(), signature = new URL(out.handle, 'http://cloud.test').searchParams.get('Signature')!
  // What is looked at holds what is looked for: a name stands readable.
  expect(rows).toContain('made-here')
  for (const secret of [GIVEN, out.word, out.secret, signature, ...out.private.split('\n').filter((l: string) => l.length > 30 && !l.includes('PRIVATE KEY'))]) expect(around(rows, secret)).toBe('nowhere')
  // Read back in both languages, and changed by what is kept.
  const seen = await who.query('cloudformation', '/cloudformation/v1/', 'DescribeStacks', { StackName: s.stack_name })
  expect(seen.text).toContain(out.secret)
  expect((await k.api('GET', `/stacks/${s.stack_name}/${s.id}/resources/meta/metadata`)).body.metadata).toEqual({ password: GIVEN, word: out.word })
  const patched = await k.api('PATCH', `/stacks/${s.stack_name}/${s.id}`, {})
  expect(patched.status, patched.text).toBe(202)
  await k.rest()
  const again = await k.show(s.id)
  expect([again.stack_status, again.outputs.find((o: any) => o.output_key === 'secret').output_value]).toEqual(['UPDATE_COMPLETE', out.secret])
  expect(around(await everything(), out.word)).toBe('nowhere')
  await k.remove(s)
}, 90_000)

it('change sets and what a look for drift found keep nothing readable, and neither shows what is hidden', async () => {
  const cfn = async (action: string, params: object) => { const r = await who.query('cloudformation', '/cloudformation/v1/', action, params as never); if (r.status !== 200) throw new Error(r.text); return r }
  const body = (value: object) => JSON.stringify({ Parameters: { Pass: { Type: 'String', NoEcho: true } }, Resources: { Net: { Type: 'OS::Neutron::Net', Properties: { name: 'plain', port_security_enabled: true } }, R: { Type: 'OS::Heat::TestResource', Properties: value } } })
  const given = [{ ParameterKey: 'Pass', ParameterValue: GIVEN }]
  await cfn('CreateStack', { StackName: 'hides', TemplateBody: body({ value: { Ref: 'Pass' } }), Parameters: given })
  await k.rest()
  await cfn('CreateChangeSet', { StackName: 'hides', ChangeSetName: 'more', TemplateBody: body({ value: { 'Fn::Sub': 'x${Pass}' } }), Parameters: given })
  await k.c.call('PUT', `/network/v2.0/networks/${(await k.c.call('GET', '/network/v2.0/networks?name=plain', { token: k.demo })).body.networks[0].id}`, { token: k.demo, body: { network: { name: `was-${GIVEN}` } } })
  await cfn('DetectStackDrift', { StackName: 'hides' })
  const drifts = await cfn('DescribeStackResourceDrifts', { StackName: 'hides' })
  expect(drifts.text).toContain('was-******')
  expect(drifts.text).toContain('port_security_enabled')
  for (const text of [drifts.text, (await cfn('DescribeChangeSet', { StackName: 'hides', ChangeSetName: 'more' })).text]) expect(text).not.toContain(GIVEN)
  const rows = await k.c.db().read([q.all(sql`select * from change_set`), q.all(sql`select * from resource_drift`), q.all(sql`select * from stack_template`), q.all(sql`select * from stack_resource`)])
  expect(around(JSON.stringify(rows), GIVEN)).toBe('nowhere')
  await cfn('ExecuteChangeSet', { StackName: 'hides', ChangeSetName: 'more' })
  await k.rest()
  expect((await cfn('DescribeStacks', { StackName: 'hides' })).body.Stacks.member[0].StackStatus).toBe('UPDATE_COMPLETE')
  await cfn('DeleteStack', { StackName: 'hides' })
  await k.rest()
}, 60_000)

it('rows from before anything was sealed are read as they stand', async () => {
  const s = await k.create(hot({ word: { type: 'OS::Heat::RandomString' }, other: { type: 'OS::Heat::TestResource', properties: { value: get('word', 'value') } } }, { outputs: { word: { value: get('word', 'value') } } }))
  const word = s.outputs[0].output_value, [rows] = await k.c.db().read([q.select().from(stackResource).where(eq(stackResource.stack, s.id))])
  const { openRow, open } = await import('./engine/sealed.ts'), plain = <T>(v: T) => JSON.stringify(v) as Sealed<T>
  for (const stored of rows) {
    const r = openRow({ env: k.c.env }, stored)
    await k.c.db().write([q.update(stackResource).set({ data: plain(r.data), attributes: plain(r.attributes), metadata: plain(r.metadata), properties: plain(open({ env: k.c.env }, r.id, r.properties)) }).where(eq(stackResource.id, r.id))])
  }
  await k.c.db().write([q.update(stack).set({ outputs: [{ key: 'word', description: '', value: word }] }).where(eq(stack.id, s.id))])
  expect((await k.show(s.id)).outputs[0].output_value).toBe(word)
  const after = await k.update(s, hot({ word: { type: 'OS::Heat::RandomString' }, other: { type: 'OS::Heat::TestResource', properties: { value: get('word', 'value') } }, more: { type: 'OS::Heat::Value', properties: { value: get('word', 'value') } } }, { outputs: { word: { value: get('more', 'value') } } }))
  expect([after.stack_status, after.outputs[0].output_value]).toEqual(['UPDATE_COMPLETE', word])
  await k.remove(s)
}, 60_000)
