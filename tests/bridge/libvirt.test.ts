import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Terminal } from '../../bridge/drivers.ts'
import { libvirtDrivers } from '../../bridge/libvirt/index.ts'
import type { Disk, DiskRef, DomainSpec } from '../../schema/jobs.ts'
import { hypervisor, unable } from './cloudless.ts'

const why = unable()
const tag = 'fe57'
type Host = Awaited<ReturnType<typeof hypervisor>>

describe.skipIf(why)(`a real guest on a libvirt of its own${why ? ` (skipped: ${why})` : ''}`, { timeout: 300_000 }, () => {
  let host: Host
  const uuid = randomUUID()
  const root: DiskRef = { kind: 'root', id: uuid }
  const volume: DiskRef = { kind: 'volume', id: randomUUID() }
  const asDisk: Disk = { ref: volume, device: 'sda', bus: 'scsi', serial: volume.id }
  const snapshot = (): DiskRef => ({ kind: 'snapshot', id: randomUUID() })
  const spec: DomainSpec = {
    uuid, name: `]]> </name> "'&\n☂\u0001`, project: '0'.repeat(32), flavor: 'm1.nano', requestId: 'req-test', vcpus: 1, memoryMb: 160,
    disks: [{ ref: root, device: 'vda', bus: 'virtio', boot: 0 }], nics: [], configDrive: true,
  }
  const file = (ref: DiskRef) => join(host.state, 'disks', ref.kind, `${ref.id}.qcow2`)
  const inside = (command: string) => host.inside(uuid, command)
  /** Runs `work` while only so many MiB are free. */
  const crowded = async (megabytes: number, work: () => Promise<unknown>) => {
    const filler = join(host.state, 'filler')
    const { bavail, bsize } = statfsSync(host.state)
    execFileSync('fallocate', ['-l', String(bavail * bsize - (megabytes << 20)), filler])
    try { await work() } finally { rmSync(filler) }
  }
  const unfinished = () => readdirSync(join(host.state, 'disks', 'tmp'))
  const until = async <T>(what: string, look: () => Promise<T | undefined | false>, seconds = 120): Promise<T> => {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((r) => setTimeout(r, 200))) {
      const seen = await look()
      if (seen) return seen
    }
    throw new Error(`${what}: not within ${seconds} s`)
  }
  const state = (wanted: string) => until(wanted, async () => await host.drivers.virt.state(uuid) === wanted)
  const ready = () => until('agent', () => inside('while ! [ -s /var/www/index.html ]; do sleep 1; done; echo yes').catch(() => false as const))
  const nobody = { image: async () => { throw new Error('no image is asked for') } }
  /** Why it did not work, and whether trying again may help. */
  const refusal = async (work: Promise<unknown>, again = false) => {
    const error = await work.then(() => undefined, (e) => e)
    expect(error).toBeInstanceOf(Error)
    expect(error instanceof Terminal).toBe(!again)
    expect(error.message).not.toContain(host.state)
    return error.message as string
  }

  beforeAll(async () => { host = await hypervisor(tag, 900) }, 300_000)
  afterAll(async () => { await host?.close() }, 60_000)

  test('says what it is', async () => {
    const { hypervisor: h, capacity, storage, bootId } = await host.drivers.facts()
    expect(h).toMatchObject({ type: 'QEMU', virtType: 'qemu', arch: 'x86_64' })
    expect(h.version).toBeGreaterThan(5_000_000)
    expect(capacity.vcpus).toBeGreaterThan(0)
    expect(capacity.memoryMb).toBeGreaterThan(capacity.freeMemoryMb / 2)
    expect(bootId).toMatch(/^[0-9a-f-]{36}$/)
    const again = await host.make()
    expect((await again.facts()).storage).toBe(storage)
    await again.virt.close!()
  })

  describe('images', () => {
    test('are fetched once, however many ask', async () => {
      const { ref, url } = host.image()
      const before = host.asked()
      const said: string[] = []
      const paths = await Promise.all([1, 2, 3].map(() => host.drivers.images.fetch(ref, url, (text) => said.push(text))))
      expect(new Set([...paths, await host.drivers.images.fetch(ref, url, () => {})]).size).toBe(1)
      expect(host.asked() - before).toBe(1)
      expect(said).toContain('fetching image 100%')
    })
    test('whose bytes are others than described are refused, and nothing stays', async () => {
      const { ref, url } = host.image(Buffer.from('one image'), 'raw')
      expect(await refusal(host.drivers.images.fetch({ ...ref, sha512: 'a'.repeat(128) }, url, () => {}))).toContain('checksum')
      expect(await refusal(host.drivers.images.fetch({ ...ref, size: 3 }, url, () => {}))).toContain('checksum')
      expect(unfinished()).toEqual([])
    })
    test.each([
      ['a backing file', ['create', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', 'IMAGE', '1M']],
      ['a backing file by json', ['create', '-f', 'qcow2', '-u', '-b', 'json:{"driver":"nbd","host":"127.0.0.1"}', '-F', 'raw', 'IMAGE', '1M']],
      ['an external data file', ['create', '-f', 'qcow2', '-o', 'data_file=DATA', 'IMAGE', '1M']],
    ])('with %s are refused', async (_, command) => {
      const folder = mkdtempSync(join(tmpdir(), 'virga-image-'))
      const path = join(folder, 'image')
      execFileSync('qemu-img', command.map((word) => word.replace('IMAGE', path).replace('DATA', join(folder, 'data'))), { stdio: 'ignore' })
      const { ref, url } = host.image(readFileSync(path))
      rmSync(folder, { recursive: true })
      await refusal(host.drivers.images.fetch(ref, url, () => {}))
      expect(existsSync(join(host.state, 'images', `${ref.sha512.slice(0, 64)}.qcow2`))).toBe(false)
    })
  })

  test('a root disk is a linked clone that outlives the cached image', async () => {
    const { ref, url } = host.image()
    const fetch = () => host.drivers.images.fetch(ref, url, () => {})
    expect(await refusal(host.drivers.disks.create({ disk: { kind: 'root', id: randomUUID() }, sizeGb: 1, source: { image: { ...ref, format: 'raw' } } }, {
      image: async () => { const big = join(host.state, 'big.raw'); writeFileSync(big, ''); execFileSync('truncate', ['-s', '2G', big]); return big },
    }))).toContain('2 GB')
    await host.drivers.disks.create({ disk: root, sizeGb: 1, source: { image: ref } }, { image: fetch })
    await host.drivers.disks.create({ disk: root, sizeGb: 1, source: { image: ref } }, nobody)
    expect(await host.drivers.disks.sizeGb(root)).toBe(1)
    expect(await host.drivers.disks.bytes(root)).toBeLessThan(1 << 20)
    rmSync(await fetch())
    const info = JSON.parse(execFileSync('qemu-img', ['info', '-f', 'qcow2', '--output=json', file(root)], { encoding: 'utf8' }))
    expect(info).toMatchObject({ 'virtual-size': 2 ** 30, 'backing-filename-format': 'qcow2' })
    expect(execFileSync('qemu-img', ['check', '-f', 'qcow2', file(root)], { encoding: 'utf8' })).toContain('No errors')
  })

  test('boots: config drive read, user data run, disk grown, screen and console there', async () => {
    await host.drivers.disks.create({ disk: volume, sizeGb: 1, source: { blank: true } }, nobody)
    const drive = await host.drivers.disks.configDrive(uuid, {
      'openstack/latest/meta_data.json': JSON.stringify({ uuid, hostname: 'virga-guest' }),
      'openstack/latest/user_data': '#!/bin/sh\necho user-data-ran\n',
    })
    await host.drivers.virt.start(spec, drive)
    await host.drivers.virt.start(spec, drive)
    expect(await host.drivers.virt.state(uuid)).toBe('running')
    await ready()
    const console = await until('console', async () => { const text = await host.drivers.virt.console(uuid, 1 << 20); return text.includes('guest: ready') && text })
    expect(console).toContain('user-data-ran')
    expect(console).toContain('hostname=virga-guest')
    expect((await host.drivers.virt.console(uuid, 10)).length).toBe(10)
    const port = await host.drivers.virt.vncPort(uuid)
    expect(await host.drivers.virt.list()).toEqual([{ uuid, state: 'running', vncPort: port }])
    expect(port).toBeGreaterThanOrEqual(5900)
    expect(Number(await inside(`df -m / | awk 'NR==2{print $2}'`))).toBeGreaterThan(800)
    expect(await inside('cat /sys/class/dmi/id/product_name')).toBe('OpenStack Compute')
  })

  test('a disk comes, keeps what the guest writes, goes, and comes again', async () => {
    const { virt } = host.drivers
    await virt.attachDisk(uuid, asDisk)
    await virt.attachDisk(uuid, asDisk)
    expect(await virt.disks(uuid)).toEqual([root, volume])
    await refusal(virt.attachDisk(uuid, { ...asDisk, ref: { kind: 'volume', id: randomUUID() } }))
    await inside('while ! [ -b /dev/sda ]; do sleep 1; done; mkfs.ext4 -q /dev/sda && mount /dev/sda /mnt && echo kept > /mnt/file && sync && umount /mnt')
    expect(await inside('tail -c 36 /sys/block/sda/device/vpd_pg80')).toBe(volume.id)
    await virt.detachDisk(uuid, volume)
    await virt.detachDisk(uuid, volume)
    expect(await virt.disks(uuid)).toEqual([root])
    await virt.attachDisk(uuid, asDisk)
    expect(await inside('while ! [ -b /dev/sda ]; do sleep 1; done; mount /dev/sda /mnt; cat /mnt/file; umount /mnt')).toBe('kept')
  })

  test('a disk in use grows under the guest, and is not deleted', async () => {
    await host.drivers.disks.resize(volume, 2, uuid)
    await host.drivers.disks.resize(volume, 2)
    expect(await host.drivers.disks.sizeGb(volume)).toBe(2)
    expect(await until('size', async () => await inside('cat /sys/block/sda/size') === String(2 ** 31 / 512))).toBe(true)
    await refusal(host.drivers.disks.resize(volume, 1, uuid))
    await expect(host.drivers.disks.delete(volume)).rejects.toThrow('in use')
  })

  test('a copy shows one instant, though the guest goes on writing at both ends', async () => {
    // The last block is always written before the first: in no instant is the first newer, nor more than one older.
    await inside('dd if=/dev/urandom of=/dev/sda bs=1M count=96 seek=64 2>/dev/null; sync')
    await inside(`(i=0; while [ -e /dev/sda ] && ! [ -e /run/stop ]; do i=$((i+1)); for at in 524287 0; do printf '%015d\\n' $i | dd of=/dev/sda bs=4096 seek=$at conv=notrunc,fsync 2>/dev/null; done; done) >/dev/null 2>&1 &`)
    const seen: number[] = []
    for (let n = 0; n < 4; n++) {
      await new Promise((r) => setTimeout(r, 300))
      const still = await host.drivers.disks.freeze(volume, 'raw', n % 2 ? uuid : undefined)
      expect(still.virtualSize).toBe(2 * 2 ** 30)
      const raw = execFileSync('sh', ['-c', 'head -c 15 "$1"; echo; dd if="$1" bs=4096 skip=524287 count=1 2>/dev/null | head -c 15', 'sh', still.path], { encoding: 'latin1' })
      const [first, last] = raw.split('\n').map(Number)
      expect(last - first).toBeGreaterThanOrEqual(0)
      expect(last - first).toBeLessThanOrEqual(1)
      seen.push(last)
      await still.dispose()
    }
    await inside('touch /run/stop')
    expect(new Set(seen).size).toBe(4)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(unfinished()).toEqual([])
  })

  test('an image header that the guest writes onto its disk stays mere content', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'virga-image-'))
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', join(folder, 'trap'), '64M'])
    const trap = readFileSync(join(folder, 'trap')).subarray(0, 1024)
    rmSync(folder, { recursive: true })
    const trapped: DiskRef = { kind: 'volume', id: randomUUID() }
    const { disks, virt } = host.drivers
    await disks.create({ disk: trapped, sizeGb: 1, source: { blank: true } }, nobody)
    await virt.attachDisk(uuid, { ref: trapped, device: 'vdb', bus: 'virtio' })
    await inside(`while ! [ -b /dev/vdb ]; do sleep 1; done; echo ${trap.toString('base64')} | base64 -d | dd of=/dev/vdb conv=notrunc,fsync 2>/dev/null`)
    const content = async (ref: DiskRef) => {
      const still = await disks.freeze(ref, 'raw')
      try { return execFileSync('head', ['-c', '1024', still.path]) } finally { await still.dispose() }
    }
    const online = snapshot(), copy: DiskRef = { kind: 'volume', id: randomUUID() }
    await disks.snapshot(trapped, online, uuid)
    await disks.resize(trapped, 2, uuid)
    await virt.detachDisk(uuid, trapped)
    await disks.resize(trapped, 3)
    await disks.create({ disk: copy, sizeGb: 2, source: { disk: online } }, nobody)
    for (const [ref, gb] of [[online, 1], [trapped, 3], [copy, 2]] as const) {
      expect((await content(ref)).equals(trap)).toBe(true)
      expect(await disks.sizeGb(ref)).toBe(gb)
      await disks.delete(ref)
    }
  })

  test('a full host says so, keeps the guest, and leaves nothing half done', async () => {
    const online = snapshot(), offline: DiskRef = { kind: 'volume', id: randomUUID() }
    const { ref, url } = host.image()
    const fetch = () => host.drivers.images.fetch(ref, url, () => {})
    await crowded(8, async () => {
      expect(await refusal(host.drivers.disks.snapshot(root, online, uuid), true)).toContain('no space left')
      expect(await refusal(fetch(), true)).toContain('no space left')
    })
    expect(await host.drivers.disks.exists(online)).toBe(false)
    await fetch()
    await crowded(8, async () => {
      expect(await refusal(host.drivers.disks.create({ disk: offline, sizeGb: 1, source: { image: ref } }, { image: fetch }), true)).toContain('no space left')
    })
    expect(await host.drivers.disks.exists(offline)).toBe(false)
    expect(unfinished()).toEqual([])
    expect(await host.drivers.virt.state(uuid)).toBe('running')
  })

  test('images nobody uses make room for new ones, those in use stay', async () => {
    const images = join(host.state, 'images')
    const idle = host.image(Buffer.from('idle'.repeat(1000)), 'raw'), used = host.image(Buffer.from('used'.repeat(1000)), 'raw'), young = host.image(Buffer.from('young'.repeat(1000)), 'raw')
    const paths = await Promise.all([idle, used, young].map(({ ref, url }) => host.drivers.images.fetch(ref, url, () => {})))
    const disk: DiskRef = { kind: 'root', id: randomUUID() }
    await host.drivers.disks.create({ disk, sizeGb: 1, source: { image: used.ref } }, { image: async () => paths[1] })
    for (const path of paths.slice(0, 2)) utimesSync(path, 1e9, 1e9)
    const next = host.image(Buffer.from('next'), 'raw')
    await crowded(100, () => host.drivers.images.fetch(next.ref, next.url, () => {}))
    expect(paths.map((path) => existsSync(path))).toEqual([false, true, true])
    await host.drivers.disks.delete(disk)
    expect(readdirSync(images).length).toBeGreaterThan(1)
  })

  test('a copy left running by a bridge that died does not stand in the way', async () => {
    const backup = join(host.dir, 'backup.xml')
    // A pull backup runs until someone ends it.
    writeFileSync(backup, `<domainbackup mode='pull'><server transport='unix' socket='${host.dir}/nbd'/><disks><disk name='vda' backup='yes' type='file'><scratch file='${host.dir}/scratch'/></disk><disk name='sda' backup='no'/></disks></domainbackup>`)
    await host.virsh.call('backup-begin', `virga-${tag}-${uuid}`, backup)
    expect(await host.virsh.call('domjobinfo', `virga-${tag}-${uuid}`)).toContain('Backup')
    const copy = snapshot()
    await host.drivers.disks.snapshot(root, copy, uuid)
    expect(execFileSync('qemu-img', ['check', '-f', 'qcow2', file(copy)], { encoding: 'utf8' })).toContain('No errors')
    await host.drivers.disks.delete(copy)
  })

  test('copies of two disks of one guest, asked for at once, are both made', async () => {
    const copies = [snapshot(), snapshot()]
    await Promise.all([host.drivers.disks.snapshot(root, copies[0], uuid), host.drivers.disks.snapshot(volume, copies[1], uuid)])
    for (const copy of copies) { expect(await host.drivers.disks.exists(copy)).toBe(true); await host.drivers.disks.delete(copy) }
  })

  test('a guest without an operating system lets go of a volume at once', async () => {
    const { virt, disks } = host.drivers, blank = randomUUID(), own: DiskRef = { kind: 'root', id: blank }
    await disks.create({ disk: own, sizeGb: 1, source: { blank: true } }, nobody)
    const other: DiskRef = { kind: 'volume', id: randomUUID() }
    await disks.create({ disk: other, sizeGb: 1, source: { blank: true } }, nobody)
    await virt.start({ ...spec, uuid: blank, configDrive: false, disks: [{ ref: own, device: 'vda', bus: 'virtio', boot: 0 }] })
    try {
      await virt.attachDisk(blank, { ref: other, device: 'sda', bus: 'scsi', serial: other.id })
      expect(await virt.disks(blank)).toEqual([own, other])
      const since = Date.now()
      await virt.detachDisk(blank, other)
      expect(Date.now() - since).toBeLessThan(20_000)
      expect(await virt.disks(blank)).toEqual([own])
    } finally { await virt.undefine(blank) }
    for (const disk of [own, other]) await disks.delete(disk)
  })

  test('a network interface comes and goes', async () => {
    const nic = { port: randomUUID(), network: randomUUID(), mac: 'fa:16:3e:12:34:56', mtu: 1450, model: 'virtio' as const }
    await host.drivers.virt.attachNic(uuid, nic)
    await host.drivers.virt.attachNic(uuid, nic)
    expect(await host.drivers.virt.nics(uuid)).toEqual([nic.mac])
    expect(await until('nic', () => inside('cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu').catch(() => false as const))).toBe(`${nic.mac}\n1450`)
    await host.drivers.virt.detachNic(uuid, nic.mac)
    await host.drivers.virt.detachNic(uuid, nic.mac)
    expect(await host.drivers.virt.nics(uuid)).toEqual([])
  })

  test('counts what the guest does', async () => {
    const one = await host.drivers.virt.stats(uuid)
    expect(one.state).toBe('running')
    expect(one.memoryKb).toBe(160 * 1024)
    expect(one.uptime).toBeGreaterThan(3)
    expect(one.cpuTimes[0]).toBeGreaterThan(1e9)
    expect(one.disks.find((d) => d.device === 'vda')!.readBytes).toBeGreaterThan(10 << 20)
    await inside('dd if=/dev/zero of=/dev/sda bs=1M count=8 conv=fsync 2>/dev/null')
    const written = (s: typeof one) => s.disks.find((d) => d.device === 'sda')!.writeBytes
    expect(written(await host.drivers.virt.stats(uuid)) - written(one)).toBeGreaterThanOrEqual(8 << 20)
  })

  test('a password is set, whatever it is made of', async () => {
    const before = await inside('head -1 /etc/shadow')
    await host.drivers.virt.setPassword(uuid, `it's "q" \\ $(id) ; ☂`)
    expect(await inside('head -1 /etc/shadow')).not.toBe(before)
    expect(await refusal(host.drivers.virt.setPassword(uuid, 'two\nlines'))).not.toContain('lines')
  })

  test('pauses, resumes, saves its memory and goes on where it was', async () => {
    const { virt } = host.drivers
    for (const _ of [1, 2]) await virt.pause(uuid)
    expect(await virt.state(uuid)).toBe('paused')
    for (const _ of [1, 2]) await virt.resume(uuid)
    await inside('echo alive > /run/memory')
    for (const _ of [1, 2]) await virt.save(uuid)
    expect(await virt.list()).toEqual([{ uuid, state: 'saved' }])
    await virt.start({ ...spec, disks: [...spec.disks, asDisk] })
    expect(await inside('cat /run/memory')).toBe('alive')
  })

  test('reboots when asked to', async () => {
    expect(await host.drivers.virt.reboot(uuid, 60)).toBe(true)
    expect(await host.drivers.virt.state(uuid)).toBe('running')
    await ready()
    expect(await inside('cat /run/memory; true')).toBe('')
  })

  test('whose QEMU dies has crashed, then is off, and starts again', async () => {
    let changes = 0
    host.drivers.virt.onChange!(() => { changes++ })
    const pid = Number(readFileSync(join(host.daemon, 'run', 'qemu', `virga-${tag}-${uuid}.pid`), 'utf8'))
    process.kill(pid, 'SIGKILL')
    await state('crashed')
    expect(changes).toBeGreaterThan(0)
    await host.drivers.virt.powerOff(uuid)
    expect(await host.drivers.virt.state(uuid)).toBe('shutoff')
    await host.drivers.virt.start(spec)
    expect(await host.drivers.virt.state(uuid)).toBe('running')
  })

  test('nobody but the spec decides what a start brings', async () => {
    await host.drivers.virt.powerOff(uuid)
    await host.drivers.virt.attachDisk(uuid, asDisk)
    expect(await host.drivers.virt.disks(uuid)).toEqual([root, volume])
    await host.drivers.virt.start(spec)
    expect(await host.drivers.virt.disks(uuid)).toEqual([root])
  })

  test('shuts down when asked to, and its disks are served while it is off', async () => {
    await ready()
    await host.drivers.virt.shutdown(uuid)
    await state('shutoff')
    await host.drivers.virt.shutdown(uuid)
    const copy = snapshot()
    await host.drivers.disks.snapshot(root, copy)
    const still = await host.drivers.disks.freeze(root, 'qcow2')
    expect(execFileSync('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', still.path, file(copy)], { encoding: 'utf8' })).toContain('identical')
    expect(execFileSync('qemu-img', ['info', '-f', 'qcow2', still.path], { encoding: 'utf8' })).not.toContain('backing')
    await still.dispose()
    expect(statSync(file(copy)).size).toBeGreaterThan(16 << 20)
    await host.drivers.disks.delete(copy)
  })

  test('blank disks may come with a file system', async () => {
    for (const [filesystem, type] of [['ext4', 'ext4'], ['vfat', 'vfat'], ['swap', 'swap']] as const) {
      const ref: DiskRef = { kind: filesystem === 'swap' ? 'swap' : 'ephemeral', id: randomUUID() }
      await host.drivers.disks.create({ disk: ref, sizeGb: 1, source: { blank: true, filesystem } }, nobody)
      const still = await host.drivers.disks.freeze(ref, 'raw')
      expect(execFileSync('blkid', ['-p', '-o', 'value', '-s', 'TYPE', still.path], { encoding: 'utf8' }).trim()).toBe(type)
      await still.dispose()
      await host.drivers.disks.delete(ref)
    }
  })

  test('q35, SCSI and a config drive as a disk start; UEFI starts or says that the host has none', async () => {
    const other = randomUUID()
    const disk: DiskRef = { kind: 'root', id: other }
    await host.drivers.disks.create({ disk, sizeGb: 1, source: { disk: root } }, nobody)
    const drive = await host.drivers.disks.configDrive(other, { 'openstack/latest/meta_data.json': '{}' })
    const q35: DomainSpec = { ...spec, uuid: other, machine: 'q35', video: 'virtio', disks: [{ ref: disk, device: 'sda', bus: 'scsi', boot: 0 }] }
    await host.drivers.virt.start(q35, drive)
    await until('guest: ready', async () => (await host.drivers.virt.console(other, 65536)).includes('guest: ready'))
    await host.drivers.virt.attachDisk(other, { ref: volume, device: 'sdb', bus: 'scsi' })
    // Beside a second guest, every disk is still known by who has it open.
    await host.drivers.virt.start(spec)
    expect((await host.drivers.virt.list()).map((d) => d.state)).toEqual(['running', 'running'])
    for (const ref of [disk, volume, root]) await expect(host.drivers.disks.delete(ref)).rejects.toThrow('in use')
    await expect(host.drivers.virt.attachDisk(uuid, asDisk)).rejects.toThrow('in use')
    await host.drivers.virt.powerOff(uuid)
    await host.drivers.virt.detachDisk(other, volume)
    await host.drivers.virt.powerOff(other)
    const uefi = await host.drivers.virt.start({ ...q35, firmware: 'uefi' }, drive).then(() => 'running', (error) => error)
    if (uefi !== 'running') expect(uefi.message).toBe('this host has no UEFI firmware')
    await host.drivers.virt.undefine(other)
    await host.drivers.disks.deleteConfigDrive(other)
    await host.drivers.disks.delete(disk)
  })

  test('another cloud on this libvirt neither sees nor removes it', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'virga-other-'))
    const other = await libvirtDrivers({ stateDir, uri: host.uri, virtType: 'qemu', tag: 'ab12', net: host.net })
    expect(await other.virt.list()).toEqual([])
    await other.wipe()
    await other.virt.close!()
    rmSync(stateDir, { recursive: true })
    expect(await host.drivers.virt.state(uuid)).toBe('shutoff')
  })

  test('is gone without a trace, twice', async () => {
    for (const _ of [1, 2]) await host.drivers.virt.undefine(uuid)
    expect(await host.drivers.virt.state(uuid)).toBe('absent')
    expect(readdirSync(join(host.state, 'console'))).toEqual([])
    for (const ref of [root, root, volume]) await host.drivers.disks.delete(ref)
    expect(await host.drivers.disks.list()).toEqual([])
    expect(readdirSync(join(host.state, 'disks', 'base'))).toEqual([])
    await host.drivers.wipe()
    expect(readdirSync(host.state)).toEqual(['big.raw'])
  })
})
