import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/**
 * Run inside a namespace: opens one socket, hands it to the parent over the channel between them and ends. A socket keeps
 * the namespace it was made in, so one process can answer in all of them.
 */
const [host, port, kind] = process.argv.slice(2)
const failed = (error: Error) => { process.send!({ error: error.message }, () => process.exit(1)) }
if (kind === 'udp') {
  const socket = createSocket(host!.includes(':') ? 'udp6' : 'udp4').on('error', failed)
  socket.bind(Number(port), host, () => process.send!('bound', socket as never, {}, () => { socket.close(); process.disconnect() }))
} else {
  const server = createServer().on('error', failed)
  server.listen({ host, port: Number(port) }, () => process.send!('listening', server, {}, () => { server.close(); process.disconnect() }))
}
