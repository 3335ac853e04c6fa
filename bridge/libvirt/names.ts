/** Domains of a cloud are `virga-<tag>-<uuid>`; others on the same host are nobody's business here. */
const id = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function domainName(tag: string, uuid: string): string {
  if (!id.test(uuid)) throw new Error('not a server id')
  return `virga-${tag}-${uuid}`
}

export function serverOf(tag: string, name: string): string | undefined {
  const prefix = `virga-${tag}-`
  const uuid = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  return id.test(uuid) ? uuid : undefined
}

export const isId = (text: string) => id.test(text)
