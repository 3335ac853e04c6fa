import { expect, test } from 'vitest'
import { reachable } from './reachable.ts'

const base64 = (text: string) => btoa(text), project = 'a'.repeat(32)
const env = { PUBLIC_URL: 'http://127.0.0.1:8774/' }

test('signals in user data lead through the metadata address; every other byte stays', () => {
  const script = (base: string) => base64(`#!/bin/sh\ncurl '${base}/orchestration/v1/${project}/signals/s/r?x=1' http://127.0.0.1:8774/orchestration/v1/${project}/stacks \xff\x00`)
  expect(reachable(env, script('http://127.0.0.1:8774'))).toBe(script('http://169.254.169.254'))
  expect(reachable({ ...env, GUEST_URL: 'https://cloud.example' }, script('http://127.0.0.1:8774'))).toBe(script('https://cloud.example'))
  const posted = (base: string) => base64(`curl -X PUT '${base}/cloudformation/v1/waitcondition/arn%3Aaws%3Acloudformation%3Ar%3Ap%3Astack%2Fs%2Fi%2Fresource%2Fr?Expires=1' http://127.0.0.1:8774/cloudformation`)
  expect(reachable(env, posted('http://127.0.0.1:8774'))).toBe(posted('http://169.254.169.254'))
  for (const other of [script('http://elsewhere'), base64('\x1f\x8b\x08\x00'), 'not base64 at all']) expect(reachable(env, other)).toBe(other)
  expect(reachable(env, null)).toBeUndefined()
})
