import { Buffer } from 'node:buffer'
import { Type as t } from 'typebox'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { Fault } from '../../kernel/fault.ts'
import { call } from '../call.ts'
import { matcher, type Tag } from '../filters.ts'
import { keyPairId } from '../ids.ts'
import { read, write } from '../service.ts'
import { Filters, flag, names, TagSpecifications, text, word } from '../shapes.ts'
import { keepTags, shown, tagsFor, tagsOf } from '../tags/keep.ts'

const path = '/os-keypairs', at = (name: string) => `${path}/${encodeURIComponent(name)}`
/** What its tags are kept under. */
const mark = (ctx: Ctx, name: string) => `${ctx.caller.user.id}/${name}`
const idIn = (ctx: Ctx, name: string) => keyPairId(ctx.caller.user.id, name)
const unknownKey = (name: string) => awsFault('InvalidKeyPair.NotFound', `The key pair '${name.slice(0, 255)}' does not exist`)
/** Up to 2.91 the compute service makes keys itself. */
const ask = (ctx: Ctx, method: 'GET' | 'POST' | 'DELETE', to: string, body?: unknown, query?: Record<string, string>) => call(ctx, { service: 'compute', version: '2.91', method, path: to, body, query })

async function every(ctx: Ctx): Promise<any[]> {
  const out: any[] = []
  for (;;) {
    const { keypairs } = await ask(ctx, 'GET', path, undefined, { limit: '1000', ...(out.length ? { marker: out.at(-1).name } : {}) })
    out.push(...keypairs.map((k: any) => k.keypair))
    if (keypairs.length < 1000) return out
  }
}
async function make(ctx: Ctx, name: string, specs: Parameters<typeof tagsFor>[0], publicKey?: string) {
  const tags = tagsFor(specs, 'key-pair')
  try {
    const { keypair } = await ask(ctx, 'POST', path, { keypair: { name, type: 'ssh', ...(publicKey === undefined ? {} : { public_key: publicKey }) } })
    keepTags(ctx, 'key-pair', mark(ctx, name), tags)
    return { keyName: name, keyFingerprint: keypair.fingerprint, keyMaterial: keypair.private_key, keyPairId: idIn(ctx, name), tagSet: shown(tags) }
  } catch (e) {
    if (e instanceof Fault && e.kind === 'conflict') throw awsFault('InvalidKeyPair.Duplicate', `The keypair '${name}' already exists.`)
    if (e instanceof Fault && e.kind === 'invalid' && publicKey !== undefined && /fingerprint/.test(e.message)) throw awsFault('InvalidKey.Format', 'Key is not in valid OpenSSH public key format')
    throw e
  }
}

export default [
  write('CreateKeyPair', {
    summary: 'Make a key pair', limit: 'KeyPairLimitExceeded', input: { KeyName: text, KeyType: word, KeyFormat: word, TagSpecifications },
    handle(ctx, i) {
      if (i.KeyType && i.KeyType !== 'rsa') throw awsFault('UnsupportedOperation', `Keys of type '${i.KeyType.slice(0, 40)}' are not made here, only imported.`)
      if (i.KeyFormat && i.KeyFormat !== 'pem') throw awsFault('UnsupportedOperation', 'Private keys are given in PEM.')
      return make(ctx, i.KeyName, i.TagSpecifications)
    },
  }),
  write('ImportKeyPair', {
    summary: 'Import a public key', limit: 'KeyPairLimitExceeded', input: { KeyName: text, PublicKeyMaterial: t.String({ maxLength: 32_768 }), TagSpecifications },
    handle: (ctx, i) => make(ctx, i.KeyName, i.TagSpecifications, Buffer.from(i.PublicKeyMaterial, 'base64').toString('utf8').trim()),
  }),
  read('DescribeKeyPairs', {
    summary: 'Describe key pairs', input: { KeyNames: names('KeyName'), KeyPairIds: names('KeyPairId'), Filters, IncludePublicKey: flag },
    async handle(ctx, i) {
      const all = await every(ctx), tags = await tagsOf(ctx, all.map((k) => mark(ctx, k.name)))
      const items = all.map((k) => ({ keyName: k.name as string, keyFingerprint: k.fingerprint as string, keyPairId: idIn(ctx, k.name), keyType: /^ssh-ed25519/.test(k.public_key) ? 'ed25519' : 'rsa', tagSet: tags.get(mark(ctx, k.name)) ?? [] as Tag[], publicKey: i.IncludePublicKey ? k.public_key as string : undefined }))
      for (const name of i.KeyNames ?? []) if (!items.some((k) => k.keyName === name)) throw unknownKey(name)
      for (const id of i.KeyPairIds ?? []) if (!items.some((k) => k.keyPairId === id)) throw awsFault('InvalidKeyPair.NotFound', `The key pair with id '${id.slice(0, 80)}' does not exist`)
      const fits = matcher<(typeof items)[number]>({ 'key-name': (k) => k.keyName, 'key-pair-id': (k) => k.keyPairId, fingerprint: (k) => k.keyFingerprint }, i.Filters)
      const some = i.KeyNames?.length || i.KeyPairIds?.length
      return { keySet: items.filter((k) => (!some || i.KeyNames?.includes(k.keyName) || i.KeyPairIds?.includes(k.keyPairId)) && fits(k)) }
    },
  }),
  write('DeleteKeyPair', {
    summary: 'Delete a key pair', input: { KeyName: word, KeyPairId: word },
    async handle(ctx, i) {
      if (!i.KeyName && !i.KeyPairId) throw awsFault('MissingParameter', 'The request must contain the parameter KeyName or KeyPairId')
      const name = i.KeyName ?? (await every(ctx)).find((k) => idIn(ctx, k.name) === i.KeyPairId)?.name as string | undefined
      if (name === undefined) return { return: true }
      // To delete what is not there is a success.
      try { await ask(ctx, 'DELETE', at(name)) } catch (e) { if (!(e instanceof Fault && e.kind === 'notFound')) throw e; return { return: true } }
      return { return: true, keyPairId: idIn(ctx, name) }
    },
  }),
]
