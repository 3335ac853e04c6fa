import { AwsClient } from 'aws4fetch'
import { Type as t } from 'typebox'
import { describe, expect, it } from 'vitest'
import { shape } from './front.ts'
import { shaped, tree } from './query.ts'
import { amzDate, claimOf, verify } from './sign.ts'
import { xmlOf } from './xml.ts'

const input = shape({
  StackName: t.String(), TimeoutInMinutes: t.Optional(t.Integer()), DisableRollback: t.Optional(t.Boolean()), Capabilities: t.Optional(t.Array(t.String())),
  Parameters: t.Optional(t.Array(shape({ ParameterKey: t.String(), ParameterValue: t.Optional(t.String()) }))), Tags: t.Optional(t.Record(t.String(), t.String())),
})
const read = (params: Record<string, string>, flat = false, s: Parameters<typeof shaped>[0] = input) => shaped(s, tree(Object.entries(params)), { flat })

describe('parameters of a Query request', () => {
  it('become what the shape declares, lists in order of their numbers', () => {
    expect(read({
      Action: 'CreateStack', Version: '2010-05-15', StackName: 's', TimeoutInMinutes: '5', DisableRollback: 'true',
      'Parameters.member.10.ParameterKey': 'J', 'Parameters.member.2.ParameterKey': 'B', 'Parameters.member.2.ParameterValue': 'x.y=z', 'Capabilities': '', 'Tags.entry.1.key': '__proto__', 'Tags.entry.1.value': 'v',
    })).toEqual({ StackName: 's', TimeoutInMinutes: 5, DisableRollback: true, Parameters: [{ ParameterKey: 'B', ParameterValue: 'x.y=z' }, { ParameterKey: 'J' }], Capabilities: [], Tags: Object.assign(Object.create(null), JSON.parse('{"__proto__":"v"}')) })
  })
  it('have EC2\'s spelling where asked: no member, names of its own', () => {
    const ec2 = shape({ SecurityGroupIds: t.Array(t.String(), { wire: 'SecurityGroupId' }), Filters: t.Array(shape({ Name: t.String(), Values: t.Array(t.String(), { wire: 'Value' }) }), { wire: 'Filter' }) })
    expect(read({ 'SecurityGroupId.2': 'b', 'SecurityGroupId.1': 'a', 'Filter.1.Name': 'n', 'Filter.1.Value.2': 'y', 'Filter.1.Value.1': 'x' }, true, ec2)).toEqual({ SecurityGroupIds: ['a', 'b'], Filters: [{ Name: 'n', Values: ['x', 'y'] }] })
  })
  it.each([
    [{ 'ProbeInvalid.1': 'x' }, /Unknown parameter: 'ProbeInvalid'/], [{ TimeoutInMinutes: 'soon' }, /TimeoutInMinutes.*not a number/], [{ DisableRollback: 'maybe' }, /neither true nor false/],
    [{ 'Parameters.1.ParameterKey': 'a' }, /Parameters.member.1/], [{ 'Parameters.member.x.ParameterKey': 'a' }, /not the number of a member/], [{ Parameters: 'a' }, /a list was expected/],
    [{ 'StackName.a': 'b' }, /a value was expected/], [{ 'StackName.a': 'b', StackName: 'c' }, /both|more than once/], [{ 'Parameters.member.1.Nope': 'x' }, /Unknown parameter: 'Parameters.1.Nope'/], [{ [Array(20).fill('a').join('.')]: 'x' }, /cannot be read/],
    [{ StackName: 'c', 'StackName.a': 'b' }, /both as a value and as a structure/],
  ])('are refused by name: %j', (params, words) => { expect(() => read(params as unknown as Record<string, string>)).toThrow(words) })
})

it('XML says what can be said, and leaves out the rest', () => {
  expect(xmlOf({ A: '<&>"\u0001\ud800', B: undefined, C: [{ D: 1 }, { D: false }], E: null, F: new Map([['k', 'v']]), G: [] })).toBe('<A>&lt;&amp;&gt;&quot;\ufffd\ufffd</A><C><member><D>1</D></member><member><D>false</D></member></C><F><entry><key>k</key><value>v</value></entry></F><G></G>')
})

describe('signatures', () => {
  const body = 'Action=ListStacks&Version=2010-05-15', home = { service: ['cloudformation'], regions: ['RegionOne'] }
  async function signed(o: { url?: string; query?: boolean; service?: string; region?: string; at?: number; body?: string; token?: string; headers?: Record<string, string> } = {}) {
    const aws = new AwsClient({ accessKeyId: 'AK', secretAccessKey: 'SK', service: o.service ?? 'cloudformation', region: o.region ?? 'RegionOne', sessionToken: o.token })
    return aws.sign(o.url ?? 'http://cloud.test/cloudformation/v1/a%20b/?z=1&a=%2F%20x&a=2&Empty', { method: o.query ? 'GET' : 'POST', body: o.query ? undefined : o.body ?? body, headers: { 'content-type': 'application/x-www-form-urlencoded', ...o.headers }, aws: { signQuery: o.query, allHeaders: true, datetime: o.at === undefined ? undefined : amzDate(Date.now() + o.at) } })
  }
  const judge = async (r: Request, text?: string, secret: string | undefined = 'SK') => { const c = claimOf(r, new URL(r.url), text ?? await r.clone().text()); if (!c) throw new Error('unsigned'); verify(c, secret, Date.now(), home) }

  it('of somebody else\'s making are taken, in the header and in the query', async () => {
    await judge(await signed())
    await judge(await signed({ query: true, url: 'http://cloud.test/cloudformation?Action=ListStacks&X-Amz-Expires=60' }))
    await judge(await signed({ at: -14 * 60_000 }))
    await judge(await signed({ headers: { 'x-spaced': '  a   b ' } }))
  })
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['another secret', async () => judge(await signed(), undefined, 'other'), /does not match the signature/],
    ['another body', async () => judge(await signed(), `${body}&x=1`), /does not match/],
    ['another path', async () => { const r = await signed(); return judge(new Request(r.url.replace('/v1/', '/v2/'), r)) }, /does not match/],
    ['another query', async () => { const r = await signed(); return judge(new Request(r.url.replace('z=1', 'z=2'), r)) }, /does not match/],
    ['a header more', async () => { const r = await signed(); r.headers.set('x-amz-target', 'x'); return judge(r) }, /x-amz-target is not among the signed/],
    ['too old', async () => judge(await signed({ at: -16 * 60_000 })), /Signature expired/],
    ['from the future', async () => judge(await signed({ at: 16 * 60_000 })), /not yet current/],
    ['another service', async () => judge(await signed({ service: 'ec2' })), /correct service/],
    ['another region', async () => judge(await signed({ region: 'us-east-1' })), /valid region/],
    ['a session token', async () => judge(await signed({ token: 'T' })), /no session tokens/],
    ['an unsigned body', async () => judge(await signed({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } })), /body of a request has to be signed/],
    ['a link for a day', async () => judge(await signed({ query: true, url: 'http://cloud.test/?X-Amz-Expires=86400' })), /at most 900/],
    ['a link that is over', async () => judge(await signed({ query: true, url: 'http://cloud.test/?X-Amz-Expires=60', at: -61_000 })), /Signature expired/],
    ['both at once', async () => { const r = await signed({ query: true, url: 'http://cloud.test/?X-Amz-Expires=60' }); r.headers.set('authorization', 'AWS4-HMAC-SHA256 x'); return judge(r) }, /not in both/],
    ['an old version', async () => { const r = await signed(); r.headers.set('authorization', 'AWS AK:x'); return judge(r) }, /Unsupported signature/],
    ['half of it', async () => { const r = await signed(); r.headers.set('authorization', r.headers.get('authorization')!.replace(/, Signature=.*/, '')); return judge(r) }, /'Signature' parameter/],
    ['a broken scope', async () => { const r = await signed(); r.headers.set('authorization', r.headers.get('authorization')!.replace('/aws4_request', '/aws4_request/x')); return judge(r) }, /exactly 5/],
    ['another day in the scope', async () => { const r = await signed(); r.headers.set('authorization', r.headers.get('authorization')!.replace(/AK\/\d{8}/, 'AK/20200101')); return judge(r) }, /does not match YYYYMMDD/],
  ])('with %s are refused', async (_, work, words) => { await expect(work()).rejects.toThrow(words) })
})
