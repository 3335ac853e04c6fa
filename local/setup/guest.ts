import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Note } from '../say.ts'

const run = promisify(execFile)
const source = path.join(import.meta.dirname, '..', 'guest')
const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'virga')

export interface Guest { image: string; kernel: string }

/** The tiny guest, built once per builder and kernel for all clouds of this user. */
export async function guest(logfile: string, note: Note): Promise<Guest> {
  const prefix = `guest-${hash()}-`
  mkdirSync(cache, { recursive: true })
  const made = readdirSync(cache).filter((name) => name.startsWith(prefix)).sort().at(-1)
  if (made) { note('there'); return parts(path.join(cache, made)) }
  const packages = await kernelPackages()
  const target = path.join(cache, prefix + packages[0].replace('linux-image-', ''))
  note(`building with ${packages[0]}`)
  const work = mkdtempSync(path.join(cache, 'building-'))
  try {
    await run(path.join(source, 'build.sh'), [work, ...packages], { maxBuffer: 16 << 20, timeout: 900_000 })
    try { renameSync(work, target) } catch (e) { if (!existsSync(target)) throw e }   // another start was quicker
  } catch (e) {
    const { stdout = '', stderr = '', message } = e as { stdout?: string; stderr?: string; message: string }
    appendFileSync(logfile, `${stdout}${stderr}${message}\n`)
    throw new Error(`the guest image was not built: ${stderr.trim().split('\n').at(-1) || message} (see ${logfile})`)
  } finally { rmSync(work, { recursive: true, force: true }) }
  note(`${(statSync(path.join(target, 'guest.qcow2')).size / 1e6).toFixed(0)} MB, ${packages[0].replace('linux-image-', '')}`)
  return parts(target)
}

const parts = (dir: string): Guest => ({ image: path.join(dir, 'guest.qcow2'), kernel: path.join(dir, 'vmlinuz') })

/** Whatever goes into the image from this repository. */
function hash(): string {
  const sum = createHash('sha256')
  const files = readdirSync(source, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => path.join(f.parentPath, f.name)).sort()
  for (const file of files) sum.update(path.relative(source, file)).update('\0').update(readFileSync(file)).update('\0')
  return sum.digest('hex').slice(0, 12)
}

/** The newest small kernel of this distribution, by the package that always depends on it. */
async function kernelPackages(): Promise<string[]> {
  for (const meta of ['linux-image-cloud-amd64', 'linux-image-virtual']) {
    const { stdout } = await run('apt-cache', ['depends', meta], { env: { ...process.env, LC_ALL: 'C' } }).catch(() => ({ stdout: '' }))
    const image = /^\s+Depends: (linux-image-\S+)$/m.exec(stdout)?.[1]
    if (image) return image.endsWith('-cloud-amd64') ? [image] : [image, image.replace('linux-image-', 'linux-modules-')]
  }
  throw new Error('no kernel package for the guest is known here: neither linux-image-cloud-amd64 nor linux-image-virtual (apt-get update may help)')
}
