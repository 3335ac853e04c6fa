import { expect, test } from 'vitest'
import { relayed } from './relay.ts'

const id = '0a1b2c3d-0000-4000-8000-000000000000', query = '?Expires=1&Signature=x-_'
const signals = `/orchestration/v1/${'a'.repeat(32)}/signals/${id}/${id}${query}`
const arn = encodeURIComponent(`arn:aws:cloudformation:RegionOne:${'a'.repeat(32)}:stack/my.stack/${id}/resource/${id}`)

test('signed addresses of both APIs are passed on, and nothing else', () => {
  for (const path of [signals, `/cloudformation/v1/waitcondition/${arn}${query}`, `/cloudformation/v1/signal/${arn}${query}`]) {
    for (const method of ['PUT', 'POST']) expect(relayed(method, path), path).toBe(true)
    expect(relayed('DELETE', path)).toBe(false)
    for (const other of [path.split('?')[0], `/x${path}`, path.replace('?', '/../x?'), path.replace('?', '%00?'), `${path} x`]) expect(relayed('PUT', other), other).toBe(false)
  }
  for (const path of ['/cloudformation/', `/cloudformation/v1/waitcondition/${query}`, `/cloudformation/v1/waitcondition/x${query}`, `/cloudformation/v1/elsewhere/${arn}${query}`, '/identity/v3/auth/tokens', undefined]) expect(relayed('POST', path)).toBe(false)
})
