import { everybody, proves } from '../../functions/identity/ldap/client.ts'
import type { Directory } from '../../functions/identity/ldap/settings.ts'

/** What the functions do with a directory, alone: `everybody`, or whether a password is somebody's. */
export default {
  async fetch(request: Request): Promise<Response> {
    const { directory, who } = await request.json() as { directory: Directory; who?: [string, string] }
    try {
      return Response.json(who ? await proves(directory, ...who) : await everybody(directory))
    } catch (e) { return Response.json({ error: (e as Error).message }, { status: 503 }) }
  },
}
