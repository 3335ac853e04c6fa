import { expect, test } from 'vitest'
import { jobs } from '../schema/jobs.ts'
import { executors } from './executors.ts'

test('every word of the vocabulary can be done, and nothing else', () => {
  expect([...executors.keys()].sort()).toEqual(Object.keys(jobs).sort())
})
