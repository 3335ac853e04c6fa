import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { documentOf } from '../functions/kernel/openapi.ts'
import { services } from '../functions/index.ts'
import type { Service } from '../functions/kernel/service.ts'
import { root } from './layout.ts'
import { orchestrationPage } from './orchestration.ts'
import { table as personas } from './policy.ts'
import { onlyTighter, TABLE } from './tighten.ts'

/** `npm run openapi`: one OpenAPI 3.1 document per service and the coverage table, from the declarations. Committed, so that a change of the API shows. */
export async function documents(): Promise<Map<string, string>> {
  const out = new Map<string, string>()
  const coverage: string[] = []
  for (const [name, load] of Object.entries(services)) {
    const { default: s } = await load()
    out.set(`docs/openapi/${name}.json`, `${JSON.stringify(documentOf(s), null, 1)}\n`)
    coverage.push(...cover(s))
  }
  out.set('docs/coverage.md', `# Coverage

Made by \`npm run openapi\` from the declarations: which of the operations that clients of these APIs know are declared here.
\`core\`: everyday use in command lines, Terraform and dashboards; \`common\`: in SDKs and test suites; \`rare\`: the rest.
What is declared is listed in full, with schemas, in \`docs/openapi/\`.

| service | endpoints declared | core | common | rare |
| --- | --- | --- | --- | --- |
${coverage.filter((l) => l.startsWith('|')).join('\n')}

## Not yet there
${coverage.filter((l) => !l.startsWith('|')).join('\n')}
`)
  out.set('docs/policy.md', await personas())
  out.set(...await orchestrationPage())
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
  const table = ['| service | endpoints declared | core | common | rare |', '| --- | --- | --- | --- | --- |', ...coverage.filter((l) => l.startsWith('|'))].join('\n')
  out.set('README.md', readme.replace(/(<!-- coverage -->\n)[^]*(<!-- \/coverage -->)/, (_, a, b) => `${a}${table}\n${b}`))
  return out
}

/** Known operations against declared ones: a table row, then what lacks. */
function cover(s: Service): string[] {
  const file = path.join(root, 'tests/contract/operations', `${s.name}.tsv`)
  if (!readdirSync(path.dirname(file)).includes(`${s.name}.tsv`)) return [`| ${s.name} | ${s.endpoints.length} | | | |`]
  const plain = (p: string) => p.split('?')[0].replace(/^\/v[\d.]+/, '').replace(/^\/(\{project_id\}|\{tenant_id\})(?=\/|$)/, '').replace(/\{[^}]*\}/g, '{}').replace(/\/$/, '')
  const have = new Set(s.endpoints.map((e) => `${e.method} ${plain(e.path)} ${e.key ?? ''}`))
  const whole = new Set(s.endpoints.filter((e) => !e.key).map((e) => `${e.method} ${plain(e.path)}`))
  const known = readFileSync(file, 'utf8').trim().split('\n').slice(1).map((l) => { const [method, at, tier, key] = l.split('\t'); return { method, at, tier, key } })
  const isDocument = (k: { at: string }) => s.versions(k.at.replace(/\/$/, ''), '') !== undefined
  const there = known.filter((k) => isDocument(k) || have.has(`${k.method} ${plain(k.at)} ${k.key ?? ''}`) || whole.has(`${k.method === 'HEAD' ? 'GET' : k.method} ${plain(k.at)}`))
  const of = (tier: string) => `${there.filter((k) => k.tier === tier).length} of ${known.filter((k) => k.tier === tier).length}`
  const lacking = known.filter((k) => !there.includes(k) && k.tier !== 'rare').map((k) => `- ${k.tier}: \`${k.method} ${k.at}${k.key ? ` (${k.key})` : ''}\``)
  return [`| ${s.name} | ${s.endpoints.length} | ${of('core')} | ${of('common')} | ${of('rare')} |`, ...(lacking.length ? ['', `### ${s.name}`, '', ...lacking] : [])]
}

if (import.meta.main) {
  mkdirSync(path.join(root, 'docs/openapi'), { recursive: true })
  const fresh = await documents()
  try { onlyTighter(fresh.get(TABLE)!) } catch (e) { console.error((e as Error).message); process.exit(1) }
  for (const [file, text] of fresh) writeFileSync(path.join(root, file), text)
}
