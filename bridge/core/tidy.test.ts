import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const dir = mkdtempSync(path.join(tmpdir(), 'virga-tidy-'))
afterAll(() => rmSync(dir, { recursive: true }))

writeFileSync(path.join(dir, 'late.ts'), 'export const late: string = "late"')
writeFileSync(path.join(dir, 'main.ts'), `
  import { afresh } from ${JSON.stringify(path.join(import.meta.dirname, 'tidy.ts'))}
  const late = () => import('./late.ts')
  console.log(process.pid)
  await afresh(late)
  const said: string = (await late()).late + ' ' + process.argv.slice(2)
  console.log(said, process.moduleLoadList.some((name: string) => name.includes('/amaro/')) ? 'with the compiler' : 'without')
`)
const run = async (cache?: string) => {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(dir, 'main.ts'), 'a', 'b c'], { env: { ...env, ...(cache && { NODE_COMPILE_CACHE: cache }) } })
  return stdout.trim().split('\n')
}

test('a process that had to read TypeScript begins anew as itself, and has then what it loads late as well; one that found all compiled goes on', async () => {
  const cold = await run(path.join(dir, 'cache'))
  expect(cold).toEqual([cold[0], cold[0], 'late a,b c without'])
  const warm = await run(path.join(dir, 'cache'))
  expect(warm).toEqual([warm[0], 'late a,b c without'])
})

test('where nothing is kept, or nothing can be, it goes on as it is', async () => {
  const none = await run()
  expect(none).toEqual([none[0], 'late a,b c with the compiler'])
  const file = path.join(dir, 'file')
  writeFileSync(file, '')
  const unkept = await run(file)
  expect(unkept.at(-1)).toBe('late a,b c with the compiler')
})
