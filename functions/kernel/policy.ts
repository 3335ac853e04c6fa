/** Who asks. Made from a verified token; its roles already contain what they imply. */
export interface Caller {
  user: { id: string; name: string; domain: { id: string; name: string } }
  project?: { id: string; name: string; domain: { id: string; name: string } }
  domain?: { id: string; name: string }
  system?: boolean
  roles: string[]
  admin: boolean
  /** What the identity service keeps about the token (methods, audit ids, delegation); no other service looks inside. */
  token: unknown
}

/** What is asked about: whatever of a row or a request a rule may look at. */
export interface Target { project?: string | null; user?: string | null; domain?: string | null; [other: string]: unknown }

export type Check = ((caller: Caller | undefined, target: Target) => boolean) & { says?: string }
const named = (says: string, check: Check): Check => Object.assign(check, { says })

export const open = named('public', () => true)
export const authenticated = named('authenticated', (c) => c !== undefined)
export const nobody = named('nobody', () => false)
export const role = (name: string) => named(`role:${name}`, (c) => c?.roles.includes(name) ?? false)
export const admin = named('admin', (c) => c?.admin ?? false)
export const service = named('service', (c) => c !== undefined && (c.admin || c.roles.includes('service')))
export const owns = named('project owner', (c, t) => c?.project !== undefined && t.project === c.project.id)
export const self = named('user', (c, t) => c !== undefined && t.user === c.user.id)
export const any = (...checks: Check[]) => named(checks.map((c) => c.says).join(' or '), (c, t) => checks.some((x) => x(c, t)))
export const all = (...checks: Check[]) => named(checks.map((c) => c.says).join(' and '), (c, t) => checks.every((x) => x(c, t)))

/** Admin implies manager implies member implies reader; service stands apart. */
export const projectReader = named('project reader', any(admin, all(role('reader'), owns)))
export const projectMember = named('project member', any(admin, all(role('member'), owns)))
export const projectManager = named('project manager', any(admin, all(role('manager'), owns)))
export const adminOrSelf = named('admin or user', any(admin, self))
export const adminOrReader = named('any reader', any(admin, role('reader')))
