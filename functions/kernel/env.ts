/** What the platform hands in. The same names on a laptop, on own servers and hosted; see wrangler.toml. */
export interface Env {
  LIBSQL_URL: string
  LIBSQL_TOKEN?: string
  S3_URL: string
  S3_ACCESS_KEY: string
  S3_SECRET_KEY: string
  S3_BUCKET: string
  /** The region S3 signatures name; many stores do not care. */
  REGION_S3?: string
  /** Where hosts and clients reach the object store, when that differs from S3_URL. */
  S3_PUBLIC_URL?: string
  /** Root of every key the control plane derives (token signing, hashing of secrets at rest). */
  MASTER_SECRET: string
  /** Proves that a call to /_setup or /_tick comes from the operator's own runner. */
  INTERNAL_SECRET: string
  PUBLIC_URL?: string
  /** Where guests reach the cloud to signal their stacks; their metadata address when not said. */
  GUEST_URL?: string
  REGION?: string
  /** How long a token lives; an hour when not said. */
  TOKEN_SECONDS?: string
  /** Where browsers may be sent with a token after a login elsewhere, separated by commas. */
  TRUSTED_DASHBOARDS?: string
  /** With which this cloud vouches for its users elsewhere: PEM, PKCS #8 and X.509. */
  SAML_KEY?: string
  SAML_CERTIFICATE?: string
  /** Rules of the operator's own in place of ours: policy.yaml's text, or the same as JSON. */
  POLICY?: string
  /** What is asked of passwords and logins, as JSON; see identity/security.ts. */
  SECURITY?: string
  /** Known to the proxy in front and to us: what it says of a client's certificate is believed for it. */
  PROXY_SECRET?: string
  /** How long a key signs tokens; thirty days when not said. */
  KEY_SECONDS?: string
  /** Whom custom resources of templates may be asked of: the beginnings of addresses, separated by commas; nobody when not said. */
  CUSTOM_RESOURCES?: string
  /** Where templates may be fetched from besides public addresses: the beginnings of addresses, separated by commas. */
  TEMPLATE_URLS?: string
  /** A network that leads to public addresses only; without it only those of TEMPLATE_URLS are fetched. */
  OUTSIDE?: { fetch: typeof fetch }
  DOORBELL?: DurableObjectNamespace
  /** Where people and hosts meet for the screens of servers; without it there are none. */
  CONSOLE?: DurableObjectNamespace
  /** Files for browsers, as `npm run build` makes them. */
  ASSETS?: { fetch(url: string): Promise<Response> }
}

interface DurableObjectStub { fetch(url: string, init?: RequestInit): Promise<Response> }
export interface DurableObjectNamespace { idFromName(name: string): unknown; get(id: unknown): DurableObjectStub }

/** Clock, randomness, ids and fetch are passed in, so that a run can be replayed from its seed. */
export interface World {
  /** Microseconds since 1970, UTC. */
  now(): number
  uuid(): string
  random(bytes: number): Uint8Array
  fetch: typeof fetch
}

export const world: World = {
  now: () => Date.now() * 1000,
  uuid: () => crypto.randomUUID(),
  random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
  fetch: (input, init) => fetch(input, init),
}

/** Work to do after the answer went out; lost with the isolate, so only hints and what a sweep repeats go here. */
export interface Later { waitUntil(work: Promise<unknown>): void }

export const seconds = (n: number) => n * 1_000_000
export const hex32 = (w: World) => w.uuid().replaceAll('-', '')
