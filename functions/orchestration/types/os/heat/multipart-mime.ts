import { Fault } from '../../../../kernel/fault.ts'
import { list, map, oneOf, resourceType, text, type Work } from '../../provider.ts'
import { configType } from './config.ts'

interface Part { config: string; filename?: string; type: string; subtype?: string }
const kind = (body: string, subtype?: string) => subtype ?? (body.startsWith('#cloud-config') ? 'cloud-config' : body.startsWith('#!') ? 'x-shellscript' : body.startsWith('#include') ? 'x-include-url' : 'plain')

/** A part is text, or the id of a config that has it. */
async function bodyOf(r: Work, part: Part): Promise<string> {
  if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(part.config)) return part.config
  try { return String((await r.call({ service: 'orchestration', method: 'GET', path: `/software_configs/${part.config}` })).software_config.config) } catch (e) { if (e instanceof Fault && e.kind === 'notFound') return part.config; throw e }
}
async function assemble(r: Work): Promise<string> {
  const boundary = `===============${r.resource.id.replaceAll('-', '').slice(0, 19)}==`, out: string[] = []
  for (const part of (r.properties.parts ?? []) as Part[]) {
    const body = await bodyOf(r, part)
    if (part.type === 'multipart') { const inner = /boundary="([^"]+)"/.exec(body)?.[1]; out.push(...(inner ? body.slice(body.indexOf(`--${inner}`)).split(`--${inner}`).slice(1, -1).map((x) => x.replace(/^\n/, '').replace(/\n$/, '')) : [body])); continue }
    out.push(`Content-Type: text/${kind(body, part.subtype)}; charset="utf-8"\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n${part.filename ? `Content-Disposition: attachment; filename="${part.filename.replace(/["\\\r\n]/g, '')}"\n` : ''}\n${body}`)
  }
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${out.map((p) => `--${boundary}\n${p}\n`).join('')}--${boundary}--\n`
}
const base = configType('OS::Heat::MultipartMime', 'Several configs as one message for cloud-init.', { group: text({ default: 'Heat::Ungrouped' }), parts: list(map({ config: text({ required: true }), filename: text(), type: text({ default: 'text', ...oneOf('text', 'multipart') }), subtype: text() })) }, () => ({ config: '' }))
export default resourceType({ ...base, async create(r) { const c = (await r.call({ service: 'orchestration', method: 'POST', path: '/software_configs', body: { name: r.uniqueName(), group: r.properties.group, config: await assemble(r) } })).software_config; return { id: c.id, shown: c } } })
