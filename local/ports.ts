import { createServer } from 'node:net'
import { readJson, writeJson, type Layout } from './layout.ts'

export interface Ports { libsql: number; s3: number }

/** The inner ports of this cloud: those of the last start where they are still free, since URLs made then name them. */
export async function ports(at: Layout, s3Host: string): Promise<Ports> {
  const file = at.in('ports.json')
  const kept = readJson<Ports>(file)
  const mine = { libsql: await pick('127.0.0.1', kept?.libsql), s3: await pick(s3Host, kept?.s3) }
  if (JSON.stringify(mine) !== JSON.stringify(kept)) writeJson(file, mine)
  return mine
}

const pick = async (host: string, wanted?: number) => wanted && await free(host, wanted) ? wanted : await listenable(host, 0)

export const free = (host: string, port: number): Promise<boolean> => listenable(host, port).then(() => true, () => false)

function listenable(host: string, port: number): Promise<number> {
  return new Promise((found, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen({ host, port, exclusive: true }, () => {
      const { port } = server.address() as { port: number }
      server.close(() => found(port))
    })
  })
}
