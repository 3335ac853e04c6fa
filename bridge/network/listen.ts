import { createServer } from 'node:net'

/**
 * Run inside a namespace: opens one listening socket, hands it to the parent over the channel between them and ends.
 * A socket keeps the namespace it was made in, so one process can answer in all of them.
 */
const [host, port] = process.argv.slice(2)
const server = createServer()
server.on('error', (error) => { process.send!({ error: error.message }, () => process.exit(1)) })
server.listen({ host, port: Number(port) }, () => process.send!('listening', server, {}, () => { server.close(); process.disconnect() }))
