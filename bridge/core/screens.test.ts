import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { duplexPair } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { Cloud } from './cloud.ts'
import { quiet } from './log.ts'
import { Screens } from './screens.ts'
import { newKey, signer } from './sign.ts'

// A cloud in which somebody has been typing before the host came: their words are in the same packet as the answer.
const server = createServer()
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`), Buffer.from([0x82, 5]), Buffer.from('early')]))
  socket.on('error', () => {})
})
afterAll(() => { server.closeAllConnections(); server.close() })

test('what was said before the host came reaches the guest, and a guest that ends ends it', async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cloud = new Cloud(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, await signer('me', await newKey()))
  const screens = new Screens(cloud, quiet), [guest, screen] = duplexPair()
  await screens.show({ uuid: 'u', type: 'serial', session: 's' }, screen)
  expect(String((await once(guest, 'data'))[0])).toBe('early')
  const over = once(screen, 'close')
  guest.end()
  screens.close()
  await over
})
