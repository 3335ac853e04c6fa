import { apart } from './process.ts'

export interface Setup { adminPassword: string; demoPassword: string; publicUrl: string; region: string; simulated: boolean; externalCidr: string }
export interface HostView { id: string; name: string; up: boolean; version: string | null; last_seen_at: string | null }
interface Image { id: string; status: string; visibility: string }

/** The runner as a client of its own cloud: the same APIs as everyone, and the two calls only it may make. */
export class Control {
  readonly #url: string
  readonly #internal: string
  #token = ''

  constructor(url: string, internal: string) { this.#url = url; this.#internal = internal }

  answers = async () => (await fetch(this.#url, { signal: AbortSignal.timeout(2000) })).ok

  /** Admin, project demo, flavors, networks: makes what is not there, touches nothing that is. */
  async setup(given: Setup): Promise<void> { await this.#own('/_setup', given) }

  /** One heartbeat of the sweeps. */
  async tick(): Promise<void> { await this.#own('/_tick') }

  async #own(path: string, body?: unknown): Promise<void> {
    const answer = await fetch(this.#url + path, {
      method: 'POST', headers: { 'x-virga-internal': this.#internal, 'content-type': 'application/json' },
      body: JSON.stringify(body ?? {}), signal: AbortSignal.timeout(60_000),
    })
    if (!answer.ok) throw await refusal(`POST ${path}`, answer)
    await answer.arrayBuffer()
  }

  async logIn(password: string): Promise<void> {
    const domain = { name: 'Default' }
    const answer = await fetch(`${this.#url}/identity/v3/auth/tokens`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(30_000),
      body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user: { name: 'admin', domain, password } } }, scope: { project: { name: 'admin', domain } } } }),
    })
    if (answer.status === 401) throw new Error('the admin password in secrets.json is not the one the cloud has: it was changed since')
    if (!answer.ok) throw await refusal('logging in as admin', answer)
    this.#token = answer.headers.get('x-subject-token') ?? ''
    await answer.arrayBuffer()
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(this.#url + path, {
      method, signal: AbortSignal.timeout(300_000),
      headers: { 'x-auth-token': this.#token, ...(body !== undefined && { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    if (!answer.ok) throw await refusal(`${method} ${path}`, answer)
    const text = await answer.text()
    return (text ? JSON.parse(text) : undefined) as T
  }

  /** A token with which so many hosts can enrol, within the hour. */
  async enrolment(uses: number): Promise<string> {
    return (await this.#call<{ enrollment: { token: string } }>('POST', '/hosts', { uses })).enrollment.token
  }

  async hosts(): Promise<HostView[]> { return (await this.#call<{ hosts: HostView[] }>('GET', '/hosts')).hosts }

  /** The id of the public image of that name, if there is one that can be used. One that never got its bytes is removed. */
  async image(name: string): Promise<string | undefined> {
    const { images } = await this.#call<{ images: Image[] }>('GET', `/image/v2/images?name=${encodeURIComponent(name)}&visibility=public`)
    for (const image of images) if (image.status === 'queued' || image.status === 'saving' || image.status === 'killed') await this.#call('DELETE', `/image/v2/images/${image.id}`)
    return images.find((image) => image.status === 'active' || image.status === 'deactivated')?.id
  }

  async upload(file: string, image: Record<string, unknown>): Promise<void> {
    const { id } = await this.#call<Image>('POST', '/image/v2/images', { container_format: 'bare', visibility: 'public', ...image })
    await apart('put.ts', [file, `${this.#url}/image/v2/images/${id}/file`], { VIRGA_TOKEN: this.#token })
  }
}

async function refusal(what: string, answer: Response): Promise<Error> {
  return new Error(`${what}: ${answer.status} ${(await answer.text().catch(() => '')).slice(0, 500)}`)
}
