import { readFileSync } from 'node:fs'
import path from 'node:path'
import { hotDates, listConditionFunctions, listFunctions, type Dialect, type FunctionWords } from '../functions/orchestration/template/index.ts'
import { typeNamed, types } from '../functions/orchestration/types/index.ts'
import { root } from './layout.ts'

const FILE = 'docs/orchestration.md'

/** The written page with its lists of functions and resource types made anew from the code. */
export async function orchestrationPage(): Promise<[file: string, text: string]> {
  const sections: Record<string, string> = { 'hot functions': hot(), 'cloudformation functions': cloudformation(), 'resource types': await resourceTypes() }
  let page = readFileSync(path.join(root, FILE), 'utf8')
  for (const [name, text] of Object.entries(sections)) {
    const found = new RegExp(`(<!-- ${name} -->\n)[^]*(<!-- /${name} -->)`)
    if (!found.test(page)) throw new Error(`${FILE} has no place for ${name}`)
    page = page.replace(found, (_, open: string, close: string) => `${open}${text}\n${close}`)
  }
  return [FILE, page]
}

const cell = (text: string) => text.replaceAll('|', '\\|')
const row = ({ name, usage, description }: FunctionWords, more: string[] = []) => `| \`${name}\` | ${cell(`\`${usage}\``)} | ${cell(description)} |${more.map((text) => ` ${text} |`).join('')}`

/** Each function of HOT with the versions that have it: since, and until where it left. */
function hot(): string {
  const versions = hotDates.map((date): [string, Dialect] => [date, { language: 'hot', version: `heat_template_version.${date}`, front: 'heat' }])
  const all = new Map<string, { words: FunctionWords, since: string, last: string, condition: string }>()
  for (const [date, dialect] of versions) {
    const conditions = new Set(listConditionFunctions(dialect).map(({ name }) => name))
    for (const words of listFunctions(dialect, true)) {
      const before = all.get(words.name)
      all.set(words.name, { words, since: before?.since ?? date, last: date, condition: before?.condition || (conditions.has(words.name) ? date : '') })
    }
  }
  const newest = hotDates.at(-1)
  const rows = [...all.values()].sort((a, b) => Number(a.last !== newest) - Number(b.last !== newest) || (a.words.name < b.words.name ? -1 : 1))
    .map(({ words, since, last, condition }) => row(words, [last === newest ? since : since === last ? `${since} only` : `${since} to ${last}`, condition]))
  return ['| function | its argument | gives | since | in conditions since |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')
}

function cloudformation(): string {
  const dialect: Dialect = { language: 'cfn', version: 'AWSTemplateFormatVersion.2010-09-09', front: 'aws', extensions: true }
  return ['| function | its argument | gives |', '| --- | --- | --- |', ...listFunctions(dialect, true).map((words) => row(words))].join('\n')
}

async function resourceTypes(): Promise<string> {
  const rows = await Promise.all(Object.keys(types).sort().map(async (name) => {
    const type = (await typeNamed(name))!
    const required = Object.entries(type.properties).filter(([, property]) => property.required).map(([key]) => `\`${key}\``)
    return `| \`${name}\` | ${cell(type.description ?? '')} | ${required.join(', ')} |`
  }))
  return ['| type | what it is | required properties |', '| --- | --- | --- |', ...rows].join('\n')
}
