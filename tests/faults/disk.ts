import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync } from 'node:fs'
import path from 'node:path'

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' })

/** A file system of a test's own, in the place of a folder, that can be left without a byte. */
export class Disk {
  readonly dir: string
  /** Whether it was to be had: only root may mount. */
  readonly there: boolean

  /** In memory, or, where it must seem large, in a file that holds what is written only. */
  constructor(dir: string, of: { megabytes: number } | { gigabytes: number; file: string }) {
    this.dir = dir
    try {
      if ('megabytes' in of) run('mount', '-t', 'tmpfs', '-o', `size=${of.megabytes}m`, 'virga-faults', dir)
      else {
        run('truncate', '-s', `${of.gigabytes}G`, of.file)
        run('mkfs.ext4', '-q', '-F', '-m', '0', '-E', 'nodiscard,lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0', of.file)
        run('mount', '-o', 'loop,noinit_itable', of.file, dir)
        rmSync(path.join(dir, 'lost+found'), { recursive: true })
      }
      this.there = true
    } catch { this.there = false }
  }

  get #filler() { return path.join(this.dir, 'filler') }
  fill() {
    const { bavail, bsize } = statfsSync(this.dir)
    let most = 0
    for (let bytes = bavail * bsize; bytes >= bsize; bytes = Math.floor(bytes / 2)) {
      try { run('fallocate', '-o', String(most), '-l', String(bytes), this.#filler); most += bytes } catch { /* so much there is not: half of it may be */ }
    }
  }
  unfill() { rmSync(this.#filler, { force: true }) }

  /** `lazy`: whoever still uses it keeps it. */
  unmount(lazy?: 'lazy') { if (this.there) run('umount', ...(lazy ? ['--lazy'] : []), this.dir) }
}
