import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { serverGuest } from '../../../../schema/compute.ts'
import { imageGb, imageQuery, imageRefOf, usableImage } from '../../../image/images/use.ts'
import { q, type Query } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { forbidden, invalid } from '../../../kernel/fault.ts'
import { keypairQuery, type Keypair } from '../../keypairs/model.ts'
import { limitsOf, limitsQuery } from '../../quotas/limits.ts'
import { endpoint } from '../../service.ts'
import { address, adminPass, base64, bool, closed, description, diskConfig, fqdn, hostname, ip, metadata, name, trustedCerts } from '../../shapes.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { gripOf, gripReads, timeline } from '../grip.ts'
import { change, projectOf, type Server } from '../model.ts'
import { passwordOf } from '../names.ts'
import { around, assemble } from '../read.ts'
import rebuild from '../rebuild.saga.ts'
import { seal } from '../seal.ts'
import { domainSpec, rootOnVolume } from '../spec.ts'
import { fits } from '../world.ts'
import { bareView, serverView } from '../view.ts'

const v1 = {
  imageRef: t.String({ minLength: 1, maxLength: 255 }), name: t.Optional(name), adminPass: t.Optional(adminPass), metadata: t.Optional(metadata), preserve_ephemeral: t.Optional(bool), 'OS-DCF:diskConfig': t.Optional(diskConfig),
  accessIPv4: t.Optional(ip), accessIPv6: t.Optional(ip), personality: t.Optional(t.Array(t.Object({ path: t.String(), contents: t.String() }, closed))),
}
const v19 = { ...v1, description: t.Optional(description) }
const v54 = { ...v19, key_name: t.Optional(t.Union([name, t.Null()])) }
const { personality: _gone, ...v57 } = { ...v54, user_data: t.Optional(t.Union([t.String({ maxLength: 65535 }), t.Null()])) }
const v63 = { ...v57, trusted_image_certificates: t.Optional(trustedCerts) }
const body = <S extends Parameters<typeof t.Object>[0]>(s: S) => t.Object({ rebuild: t.Object(s, closed) }, closed)

export default endpoint({
  id: 'servers.rebuild', method: 'POST', path: '/servers/{server}/action', key: 'rebuild', status: 202, summary: 'Make a server anew from an image', policy: 'os_compute_api:servers:rebuild',
  body: { '2.1': body(v1), '2.19': body(v19), '2.54': body(v54), '2.57': body(v57), '2.63': body(v63), '2.90': body({ ...v63, hostname: t.Optional(hostname) }), '2.94': body({ ...v63, hostname: t.Optional(fqdn) }) },
  async handle(ctx, input) {
    const b = input.body.rebuild as Record<string, any>, id = input.params.server
    const ref = String(b.imageRef).replace(/\/+$/, '').split('/').at(-1)!
    const read = await ctx.read(...gripReads(ctx, id), imageQuery(ctx, ref), keypairQuery(ctx.caller.user.id, b.key_name ?? ''), limitsQuery(projectOf(id)),
      q.select({ userData: serverGuest.userData }).from(serverGuest).where(eq(serverGuest.server, id)), ...(around([id]) as unknown as [Query])) as unknown[][]
    const g = gripOf(ctx, id, 'rebuild', read), s = g.server
    const image = usableImage(read[3] as never, ref), [key] = read[4] as Keypair[], limits = limitsOf(read[5] as never), onVolume = rootOnVolume(g.held)
    if (b.personality?.length) throw invalid('File injection (personality) is not available in this cloud: use user_data.')
    if (b.key_name && !key) throw invalid('Invalid key_name provided.')
    if (b.metadata && limits.metadata_items >= 0 && Object.keys(b.metadata).length > limits.metadata_items) throw forbidden(`Quota exceeded for metadata_items: at most ${limits.metadata_items} are allowed.`)
    if (onVolume && image.id !== s.image && ctx.version < 2093) throw invalid('Unable to rebuild with a different image for a volume-backed server.')
    if (!onVolume) fits(image, s.shape)
    const properties = Object.fromEntries(Object.entries(image.properties).filter(([, v]) => typeof v === 'string' && v.length <= 255)) as Record<string, string>
    const set: Partial<Server> = {
      task: 'rebuilding', image: onVolume ? s.image : image.id, imageProperties: properties, fault: null, ...(b.name === undefined ? {} : { name: b.name }), ...(b.metadata === undefined ? {} : { metadata: b.metadata }),
      ...(b.description === undefined ? {} : { description: b.description }), ...(b.hostname === undefined ? {} : { hostname: b.hostname }), ...(b['OS-DCF:diskConfig'] ? { autoDisk: b['OS-DCF:diskConfig'] === 'AUTO' } : {}),
      ...(b.accessIPv4 === undefined ? {} : { accessIPv4: address(b.accessIPv4, 'accessIPv4', 4) ?? null }), ...(b.accessIPv6 === undefined ? {} : { accessIPv6: address(b.accessIPv6, 'accessIPv6', 6) ?? null }),
      ...(b.key_name === undefined ? {} : { keyName: b.key_name }), ...(b.trusted_image_certificates === undefined ? {} : { trustedCerts: b.trusted_image_certificates }),
    }
    const next = { ...s, ...set } as typeof s
    const password = b.adminPass ?? passwordOf(ctx.world.random(12)), userData = b.user_data === undefined ? (read[6] as { userData: string | null }[])[0]?.userData : base64(b.user_data, 'user_data') ?? null
    change(ctx, s, set)
    ctx.stage(q.update(serverGuest).set({ adminPass: await seal(ctx, id, password), userData, etag: ctx.uuid(), ...(b.key_name === undefined ? {} : { keys: key ? [{ name: key.name, type: key.type, data: key.publicKey }] : [] }) }).where(eq(serverGuest.server, id)))
    timeline(ctx, s, 'rebuild')
    const source = { image: imageRefOf(image) }
    const disks: DiskArgs[] = onVolume
      ? image.id === s.image && ctx.version < 2093 ? [] : [{ disk: { kind: 'volume', id: g.held.find((v) => v.bootIndex === 0)!.volume }, sizeGb: imageGb(image), source }]
      : [{ disk: { kind: 'root', id }, sizeGb: s.shape.diskGb, source }]
    if (s.shape.ephemeralGb) disks.push({ disk: { kind: 'ephemeral', id }, sizeGb: s.shape.ephemeralGb, source: { blank: true, filesystem: 'ext4' } })
    if (s.shape.swapMb) disks.push({ disk: { kind: 'swap', id }, sizeGb: Math.ceil(s.shape.swapMb / 1024), source: { blank: true, filesystem: 'swap' } })
    await start(ctx, rebuild, { server: id, host: s.host, disks, was: s.state, start: s.state !== 'stopped', spec: domainSpec(next, g.ports, g.held, ctx.requestId) }, { lane: id, project: s.project })
    const [shown] = assemble(ctx, [{ ...next, updatedAt: ctx.now() }], read.slice(7))
    const view = (ctx.version >= 2075 ? serverView : bareView).at(ctx.version)({ ...shown, single: true, userData })
    delete view['OS-EXT-SRV-ATTR:user_data']
    return { server: { ...view, adminPass: password, ...(ctx.version >= 2054 ? { key_name: next.keyName } : {}), ...(ctx.version >= 2057 ? { user_data: userData ?? null } : {}) } }
  },
})
