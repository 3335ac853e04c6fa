import { expect, test } from 'vitest'
import { excused, loosened, onlyTighter } from './tighten.ts'
import { table as personas } from './policy.ts'

const table = (...rows: string[]) => `# Who\n\n| endpoint | rule | project reader | project admin |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
const was = table('| GET /a/{id} | a:get | own | all |', '| DELETE /a/{id} | a:delete |  | all |')

test('closing is free, and so is an endpoint that is new', () => {
  expect(loosened([was], table('| GET /a/{id} | a:get |  | own |', '| DELETE /a/{id} | a:delete |  |  |', '| POST /b | public | public | public |'))).toEqual([])
})
test('opening is found, for each persona, whatever values in the path are called', () => {
  expect(loosened([was], table('| GET /a/{other} | a:get | all | all |', '| DELETE /a/{x} | public | public | public |'))).toEqual([
    { endpoint: 'GET /a/{other}', persona: 'project reader', before: 'own', now: 'all' },
    { endpoint: 'DELETE /a/{x}', persona: 'project reader', before: '', now: 'public' }, { endpoint: 'DELETE /a/{x}', persona: 'project admin', before: 'all', now: 'public' },
  ])
})
test('what was closed once stays closed, also when it had been open before that', () => {
  const closed = table('| GET /a/{id} | a:get |  | all |')
  expect(loosened([was, closed], was).map((l) => [l.endpoint, l.persona, l.before, l.now])).toEqual([['GET /a/{id}', 'project reader', '', 'own']])
})
test('an exception is for one endpoint, one persona and one reach, and has a reason', () => {
  expect([...excused('# Exceptions\n\n- GET /a/{id} | project reader | all: readers audit everything\n')]).toEqual(['GET /a/{} | project reader | all'])
  expect(() => excused('- GET /a/{id} | project reader | all: because')).toThrow('not of the form')
})
test('the table as it is now opens nothing that was closed', async () => { onlyTighter(await personas()) }, 60_000)
test('a table that opens everything is refused by name', async () => {
  const open = (await personas()).replaceAll(/^\| (DELETE [^|]+) \|([^|]+)\|.*$/gm, '| $1 |$2| all | all | all | all | all | all | all | all | all |')
  expect(() => onlyTighter(open)).toThrow(/- DELETE \/identity\/v3\/users\/\{user\} \| project reader \| all: \(was refused\)/)
}, 60_000)
