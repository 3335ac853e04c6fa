import { posix } from 'node:path'
import type { GuestData } from '../../schema/hosts.ts'
import { ec2Tree, ec2Versions, type Node } from './ec2.ts'
import { openstackTree, openstackVersions, type Document } from './openstack.ts'

export interface Metadata {
  status: number
  type: string
  body: string | Uint8Array
  /** The guest posted its password, encrypted to its key: to be kept with the server. */
  password?: string
}

const text = (body: string | Uint8Array, status = 200): Metadata => ({ status, type: 'text/plain; charset=UTF-8', body })
const absent = text('404 Not Found\n\nThe resource could not be found.\n', 404)
/** Longest password the guest may leave. */
const longest = 1020

/** What the metadata service says to this guest. Who the guest is was decided by the port it asked through, never by a header. */
export function metadataAnswer(guest: GuestData, path: string, method = 'GET', posted: string | Uint8Array = ''): Metadata {
  const [first, ...rest] = posix.normalize(`/${path.split(/[?#]/, 1)[0]}`).split('/').filter(Boolean)
  if (first === 'openstack' && rest.length === 2 && rest[1] === 'password' && openstackTree(guest, rest[0])?.password && method === 'POST') return keep(guest, posted)
  if (method !== 'GET' && method !== 'HEAD') return text('405 Method Not Allowed\n', 405)
  if (first === 'openstack') return openstack(guest, rest)
  const [version, ...below] = first === 'ec2' ? rest : first === undefined ? [] : [first, ...rest]
  if (version === undefined) return text([...ec2Versions, 'latest'].join('\n'))
  return ec2(ec2Tree(guest, version), below)
}

function openstack(guest: GuestData, [version, name, ...more]: string[]): Metadata {
  if (version === undefined) return text([...openstackVersions, 'latest'].join('\n'))
  const tree = openstackTree(guest, version)
  if (!tree || more.length) return absent
  if (name === undefined) return text(Object.keys(tree).join('\n'))
  return Object.hasOwn(tree, name) ? document(tree[name]) : absent
}

function document({ json, bytes, text: plain }: Document): Metadata {
  if (json !== undefined) return { status: 200, type: 'application/json', body: JSON.stringify(json) }
  return text(bytes ?? plain ?? '')
}

function ec2(node: Node | undefined, path: string[]): Metadata {
  for (const [at, name] of path.entries()) {
    if (node === undefined || typeof node === 'string' || node instanceof Uint8Array) return absent
    // A member of a list of names is there, and says its own name.
    if (Array.isArray(node)) return at === path.length - 1 && node.includes(name) ? text(name) : absent
    node = Object.hasOwn(node.entries, name) ? node.entries[name] : undefined
  }
  if (node === undefined) return absent
  if (typeof node === 'string' || node instanceof Uint8Array) return text(node)
  return text((Array.isArray(node) ? node : listing(node.entries)).join('\n'))
}

const listing = (entries: Record<string, Node>) => Object.keys(entries).sort().map((name) => {
  const child = entries[name]
  if (typeof child === 'string' || Array.isArray(child) || child instanceof Uint8Array) return name
  return child.label ?? `${name}/`
})

function keep(guest: GuestData, posted: string | Uint8Array): Metadata {
  if (guest.password) return text('409 Conflict\n\nThe password is already set.\n', 409)
  const password = typeof posted === 'string' ? posted : Buffer.from(posted).toString()
  if (Buffer.byteLength(password) > longest) return text('400 Bad Request\n\nRequest is too large.\n', 400)
  return { ...text(''), password }
}
