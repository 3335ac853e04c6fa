import { linuxNet } from '../../bridge/network/index.ts'

/** A host's network driver in a process of its own, so that it can be started inside a namespace that plays a machine. */
const net = await linuxNet({ ...JSON.parse(process.argv[2]!), log: (line) => process.send!({ log: line }) })
net.guests(async (server) => ({ server, etag: '1', name: server, hostname: server, project: 'p', user: 'u', availabilityZone: 'az', flavor: 'f', launchIndex: 0, reservationId: 'r', ec2Id: 'i-1',
  meta: {}, keys: [], fixedIps: [], networkData: { links: [], networks: [], services: [] }, securityGroups: [], devices: [] }))
process.on('message', async ({ id, method, args }: { id: number; method: 'apply'; args: [never] }) => {
  try { process.send!({ id, result: await net[method](...args) }) } catch (error) { process.send!({ id, error: (error as Error).message }) }
})
process.send!({ ready: true })
process.on('disconnect', () => process.exit())
