import { inArray } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import { q } from '../../kernel/db.ts'

/** Which request servers came with, for those who may see the servers: the server view tells admins only. */
export const launchesQuery = (ids: string[]) => q.select({ id: server.id, reservation: server.reservation, launchIndex: server.launchIndex, rootDevice: server.rootDevice, launchedAt: server.launchedAt }).from(server).where(inArray(server.id, ids))
