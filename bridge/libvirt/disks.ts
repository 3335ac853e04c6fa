import { access, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { Hopeless, Terminal, type Disks } from '../drivers.ts'
import type { DiskRef } from '../../schema/jobs.ts'
import { writeConfigDrive } from './config-drive.ts'
import type { Copies } from './copy.ts'
import type { Locks } from './locks.ts'
import { header } from './qcow2.ts'
import { convert, create, extents, GiB, grow, inspect, locked, overlay } from './qemu-img.ts'
import { fileError, run } from './run.ts'
import type { Format, Store } from './store.ts'

const there = (path: string) => access(path).then(() => true, () => false)
const tooSmall = (needed: number, gb: number) => new Hopeless(`the disk would be too small: the source needs ${Math.ceil(needed / GiB)} GB, the disk has ${gb} GB`)

export function libvirtDisks(store: Store, copies: Copies, locks: Locks): Disks {
  /** Makes a disk by `make`, under another name until it is whole; a disk that exists is left alone. */
  const once = (ref: DiskRef, make: (temp: string) => Promise<unknown>) => locks.with([`make ${store.disk(ref)}`], async () => {
    if (await there(store.disk(ref))) return
    const temp = store.temp('qcow2')
    try {
      await make(temp)
      await store.commit(temp, store.disk(ref))
    } catch (error) {
      await rm(temp, { force: true })
      throw fileError(error)
    }
  })

  async function fromImage(ref: DiskRef, temp: string, image: string, format: Format, gb: number) {
    const size = await inspect(image, format)
    if (gb && size > gb * GiB) throw tooSmall(size, gb)
    if (ref.kind !== 'root') {
      await convert(image, format, temp, 'qcow2')
      if (gb * GiB > size) await grow(temp, gb * GiB)
      return
    }
    await store.share(image, store.base(ref, format))
    await overlay(temp, `../base/${ref.kind}-${ref.id}.${format}`, format, Math.max(size, gb * GiB))
  }

  async function blank(temp: string, gb: number, filesystem?: 'ext4' | 'vfat' | 'swap') {
    if (gb < 1) throw new Hopeless('a blank disk needs a size')
    if (!filesystem) return create(temp, gb * GiB)
    const raw = store.temp('raw')
    try {
      await writeFile(raw, '')
      await truncate(raw, gb * GiB)
      if (filesystem === 'ext4') await run('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', 'ephemeral0', raw])
      if (filesystem === 'vfat') await run('mkfs.vfat', ['-n', 'ephemeral0', raw])
      if (filesystem === 'swap') await run('mkswap', ['-L', 'swap0', raw])
      await convert(raw, 'raw', temp, 'qcow2')
    } finally { await rm(raw, { force: true }) }
  }

  async function copyOf(from: DiskRef, temp: string, gb: number, server?: string) {
    const path = store.disk(from)
    if (!await there(path)) throw new Terminal(`the ${from.kind} to copy is not on this host`)
    const { virtualSize } = await header(path)
    if (gb && virtualSize > gb * GiB) throw tooSmall(virtualSize, gb)
    await locks.with([path], () => copies.take(path, temp, server))
    if (gb * GiB > virtualSize) await grow(temp, gb * GiB)
  }

  const need = async (ref: DiskRef) => {
    if (!await there(store.disk(ref))) throw new Terminal(`the ${ref.kind} is not on this host`)
    return store.disk(ref)
  }

  const disks: Disks = {
    exists: (ref) => there(store.disk(ref)),
    list: () => store.list(),
    async bytes(ref) { return (await stat(await need(ref))).blocks * 512 },
    async sizeGb(ref) { return Math.ceil((await header(await need(ref))).virtualSize / GiB) },

    create: ({ disk, sizeGb, source }, open) => once(disk, async (temp) => {
      if ('blank' in source) await blank(temp, sizeGb, source.filesystem)
      else if ('image' in source) await fromImage(disk, temp, await open.image(), source.image.format, sizeGb)
      else await copyOf(source.disk, temp, sizeGb)
    }),
    snapshot: (from, to, server) => once(to, (temp) => copyOf(from, temp, 0, server)),

    async delete(ref) {
      const path = store.disk(ref)
      await locks.with([path], async () => {
        if (await there(path) && await copies.opener(path)) throw new Error(`the ${ref.kind} is in use by a server`)
        await rm(path, { force: true })
        for (const format of ['raw', 'qcow2'] as const) await rm(store.base(ref, format), { force: true })
      })
    },

    async resize(ref, sizeGb, server) {
      const path = await need(ref)
      await locks.with([path], async () => {
        const { virtualSize } = await header(path)
        if (virtualSize === sizeGb * GiB) return
        if (virtualSize > sizeGb * GiB) throw new Terminal('a disk cannot become smaller')
        const opener = await copies.opener(path, server)
        if (opener) await copies.virsh.call('blockresize', opener.name, opener.device, `${sizeGb * GiB}B`)
        else await grow(path, sizeGb * GiB).catch((error) => { throw locked(error) ? new Error('the disk is in use') : error })
      })
    },

    async freeze(ref, format, server) {
      const path = await need(ref)
      const still = store.temp('qcow2')
      const made = format === 'qcow2' ? still : store.temp('raw')
      try {
        await locks.with([path], () => copies.take(path, still, server))
        if (format === 'raw') { await convert(still, 'qcow2', made, 'raw'); await rm(still) }
        const { virtualSize } = format === 'raw' ? { virtualSize: (await stat(made)).size } : await header(made)
        return { path: made, virtualSize, dispose: () => rm(made, { force: true }) }
      } catch (error) {
        await Promise.all([still, made].map((file) => rm(file, { force: true })))
        throw fileError(error)
      }
    },

    async still(ref, server) {
      const { path, virtualSize: size, dispose } = await disks.freeze(ref, 'raw', server)
      return { path, size, data: await extents(path, size), dispose }
    },

    async restore(ref, { size, sizeGb }, fill) {
      if (size > sizeGb * GiB) throw tooSmall(size, sizeGb)
      const path = store.disk(ref), raw = store.temp('raw'), made = store.temp('qcow2')
      try {
        await writeFile(raw, '', { mode: 0o600 })
        await truncate(raw, size)
        await fill(raw)
        await convert(raw, 'raw', made, 'qcow2')
        await rm(raw)
        if (sizeGb * GiB > size) await grow(made, sizeGb * GiB)
        await locks.with([path], async () => {
          if (await there(path) && await copies.opener(path)) throw new Error(`the ${ref.kind} is in use by a server`)
          await store.commit(made, path)
        })
      } catch (error) {
        await Promise.all([raw, made].map((file) => rm(file, { force: true })))
        throw fileError(error)
      }
    },
    scratch: () => store.temp(),

    configDrive: (uuid, files) => writeConfigDrive(store, uuid, files),
    async deleteConfigDrive(uuid) { await rm(store.config(uuid), { force: true }) },
  }
  return disks
}
