import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { dependencies, isTemplateName, parse, type Front } from '../functions/orchestration/template/index.ts'
import { types } from '../functions/orchestration/types/index.ts'
import { root } from './layout.ts'
import { orchestrationPage } from './orchestration.ts'

const folders: [folder: string, front: Front][] = [['hot', 'heat'], ['cfn', 'aws']]
const files = folders.flatMap(([folder, front]) => readdirSync(path.join(root, 'templates', folder)).map((file): [string, Front] => [path.join('templates', folder, file), front]))

/** Its resources can be put in order, and are of types there are. */
function sound(text: string, front: Front, beside: string) {
  const template = parse(text, { front })
  expect(dependencies(template).order.length).toBeGreaterThan(0)
  for (const { type } of template.resources.values()) {
    if (isTemplateName(type)) expect(readdirSync(path.join(root, beside))).toContain(type)
    else expect(Object.keys(types)).toContain(type)
  }
}

describe('the examples', () => {
  it.each(files)('%s', (file, front) => sound(readFileSync(path.join(root, file), 'utf8'), front, path.dirname(file)))
  it('in the documents are templates too, and name files there are', async () => {
    const [, page] = await orchestrationPage()
    const blocks = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text)
    expect(blocks.length).toBe(2)
    for (const text of blocks) sound(text, text.includes('heat_template_version') ? 'heat' : 'aws', 'docs')
    for (const [, file] of page.matchAll(/\]\(\.\.\/(templates\/[^)]+)\)/g)) expect(files.map(([name]) => name)).toContain(file)
  })
})
