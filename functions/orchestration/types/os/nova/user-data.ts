import type { Work } from '../../provider.ts'

/** Agents of deployments ask an address that is signed for this server; whoever holds it may read what it is to do. */
export const collectConfig = async (r: Work) => ({ collectors: ['ec2', 'request', 'local'], request: { metadata_url: await r.signalUrl() } })

const HANDLER = `#part-handler
import os


def list_types():
    return ['text/x-cfninitdata']


def handle_part(data, ctype, filename, payload):
    if ctype in ('__begin__', '__end__'):
        return
    if isinstance(payload, str):
        payload = payload.encode()
    for folder in ('/var/lib/heat-cfntools', '/var/lib/cloud/data'):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, os.path.basename(filename))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700), 'wb') as f:
            f.write(payload)
`
const RUN = `#!/bin/sh
# What the template gave as user data, with its words kept.
data=/var/lib/cloud/data/cfn-userdata
[ -s "$data" ] || exit 0
chmod 0700 "$data"
"$data" >>/var/log/heat-provision.log 2>&1
code=$?
touch /var/lib/cloud/instance/provision-finished
exit $code
`
interface Part { subtype: string; filename: string; body: string }
const subtypeOf = (body: string) => (body.startsWith('#cloud-config') ? 'cloud-config' : body.startsWith('#!') ? 'x-shellscript' : body.startsWith('#include') ? 'x-include-url' : body.startsWith('#cloud-boothook') ? 'cloud-boothook' : 'plain')
const header = (p: Part) => `Content-Type: text/${p.subtype}; charset="utf-8"\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\nContent-Disposition: attachment; filename="${p.filename}"\n\n`

/** Parts of a message that is one already, with their own headers; undefined for anything else. */
function partsOf(text: string): string[] | undefined {
  const boundary = /^content-type:\s*multipart\/[^;]+;[\s\S]*?boundary="?([^"\r\n;]+)"?/im.exec(text.slice(0, 1000))?.[1]
  if (!boundary) return undefined
  return text.split(`--${boundary}`).slice(1).filter((p) => !p.startsWith('--')).map((p) => p.replace(/^\r?\n/, '').replace(/\r?\n$/, ''))
}
function message(seed: string, parts: string[]): string {
  const boundary = `===============${seed.replaceAll('-', '').slice(0, 19)}==`
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${parts.map((p) => `--${boundary}\n${p}\n`).join('')}--${boundary}--\n`
}

/** What the guest gets: as given, or with what its tools want beside it. */
export function userData(r: Work, o: { format: string; given: string; metadata: Record<string, unknown> }): string {
  const has = Object.keys(o.metadata).length > 0
  // Without anything for the tools a script is run by whoever reads user data in the image.
  if (o.format === 'RAW' || (o.format === 'HEAT_CFNTOOLS' && !has)) return o.given
  const own = (p: Part) => header(p) + p.body, data = own({ subtype: 'x-cfninitdata', filename: 'cfn-init-data', body: JSON.stringify(o.metadata) }), handler = own({ subtype: 'part-handler', filename: 'part-handler.py', body: HANDLER })
  if (o.format === 'HEAT_CFNTOOLS') return message(r.resource.id, [handler, own({ subtype: 'x-cfninitdata', filename: 'cfn-userdata', body: o.given }), own({ subtype: 'x-shellscript', filename: 'run-userdata.sh', body: RUN }), data])
  const given = o.given ? partsOf(o.given) ?? [own({ subtype: subtypeOf(o.given), filename: 'user-data', body: o.given })] : []
  return message(r.resource.id, [handler, ...given, data])
}

const CONFIG = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i
/** User data may be the id of a software config that has it. */
export async function given(r: Work, text: string): Promise<string> {
  if (!CONFIG.test(text)) return text
  const { config } = (await r.call({ service: 'orchestration', method: 'GET', path: `/software_configs/${text}` })).software_config
  return typeof config === 'string' ? config : JSON.stringify(config)
}
export const base64 = (text: string) => btoa(Array.from(new TextEncoder().encode(text), (b) => String.fromCharCode(b)).join(''))

/** Base64 of all that this server's guest is to start with; and what its agents go by. */
export async function guestData(r: Work): Promise<{ user_data?: string; collect?: Record<string, unknown> }> {
  const { user_data_format: format, user_data } = r.properties, software = format === 'SOFTWARE_CONFIG', text = software || format === 'RAW' ? await given(r, user_data ?? '') : user_data ?? ''
  const collect = software ? await collectConfig(r) : undefined
  const whole = userData(r, { format, given: text, metadata: { ...r.resource.metadata, ...(collect ? { deployments: [], 'os-collect-config': { ...(r.resource.metadata['os-collect-config'] as object | undefined), ...collect } } : {}) } })
  return { ...(whole ? { user_data: base64(whole) } : {}), collect }
}
