import Database from 'libsql'

type Overrides = Record<string, string>
const serverId = `printf('00000000-0000-4000-8000-%012x', n.i)`, portId = `printf('00000000-0000-4000-9000-%012x', n.i)`

/**
 * Copies one server of the database, with its port and address, until there are `size`. Straight into the rows: through
 * the API a hundred thousand would take an hour, and lists read rows, whoever wrote them.
 */
export function fill(file: string, size: number): void {
  const db = new Database(file, { timeout: 10_000 })
  try {
    db.pragma('foreign_keys=off')
    const count = (table: string) => (db.prepare(`select count(*) as n from ${table}`).get([]) as { n: number }).n
    const [had, ports] = [count('server'), count('port')]
    const template = db.prepare(`select s.id as server, p.id as port from server s join port p on p.device = s.id where s.state = 'active' and s.id not like '00000000-%' limit 1`).get([]) as { server: string; port: string } | undefined
    if (!template) throw new Error('there is no server with a port to copy')
    const columns = (table: string) => (db.prepare(`pragma table_info(${table})`).all([]) as { name: string }[]).map((c) => c.name)
    const copy = (table: string, where: string, overrides: Overrides, from: number, to: number) => {
      if (to <= from) return
      const names = columns(table)
      db.exec(`with recursive n(i) as (select ${from} union all select i + 1 from n where i < ${to} - 1)
        insert into "${table}" (${names.map((c) => `"${c}"`).join(', ')}) select ${names.map((c) => overrides[c] ?? `t."${c}"`).join(', ')} from n, (select * from "${table}" where ${where} limit 1) t`)
    }
    db.exec('begin immediate')
    copy('server', `id = '${template.server}'`, { id: serverId, name: `'filled-' || n.i`, created_at: 't.created_at + n.i', updated_at: 't.updated_at + n.i' }, had, size)
    copy('port', `id = '${template.port}'`, { id: portId, device: serverId, mac: `printf('fa:16:3f:%02x:%02x:%02x', n.i / 65536, n.i / 256 % 256, n.i % 256)` }, ports, size)
    // Numbers go on where the ports' did, so that each has one.
    copy('address', `port = '${template.port}'`, { port: portId, n: '1000000 + n.i', address: `printf('11.%d.%d.%d', n.i / 65536, n.i / 256 % 256, n.i % 256)` }, ports, size)
    copy('port_security_group', `port = '${template.port}'`, { port: portId }, ports, size)
    db.exec('commit')
  } finally { db.close() }
}
