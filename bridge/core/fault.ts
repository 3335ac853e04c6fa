import { Hopeless, Terminal } from '../drivers.ts'

/** Paths and URLs stay on the host: a URL may be presigned, a path is nobody's business. */
const url = /\b[a-z][a-z0-9+.-]*:\/\/[^\s'"<>]+/gi
const path = /(^|[\s'"(=:,])\/(?:[\w.+@%-]+\/)+[\w.+@%-]*/g

/** What may be told of a failure outside of this host. */
export function said(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(url, '(address)').replace(path, '$1(file)').slice(0, 1000) || 'failed without a message'
}

/** What the host's own log may hold: paths help its owner, presigned URLs help nobody. */
export function logged(error: unknown): string {
  const text = error instanceof Error ? (error.cause ? `${error.message}: ${String(error.cause)}` : error.message) : String(error)
  return text.replace(url, (found) => found.replace(/\?.*$/, '')).slice(0, 4000)
}

export const terminal = (error: unknown) => error instanceof Terminal
export const anywhere = (error: unknown) => error instanceof Hopeless
