import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { release } from 'node:os'
import { readJson, writeJson, type Layout } from '../layout.ts'

export type VirtType = 'kvm' | 'qemu'
interface Kept { virtType: VirtType; kernel: string }

/**
 * Whether guests really run under KVM here. That /dev/kvm exists proves nothing: a kernel is started under it and has
 * to say its first line within three seconds. The answer is kept until this machine's kernel changes.
 */
export async function virtType(at: Layout, kernel: string): Promise<VirtType> {
  const file = at.in('virt-type.json')
  const kept = readJson<Kept>(file)
  if (kept?.kernel === release()) return kept.virtType
  const found: VirtType = kvmThere() && await boots(kernel) ? 'kvm' : 'qemu'
  writeJson(file, { virtType: found, kernel: release() } satisfies Kept)
  return found
}

function kvmThere(): boolean {
  try { closeSync(openSync('/dev/kvm', 'r+')); return true } catch { return false }
}

function boots(kernel: string): Promise<boolean> {
  const qemu = spawn('qemu-system-x86_64', [
    '-accel', 'kvm', '-m', '128', '-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot', '-nic', 'none',
    '-kernel', kernel, '-append', 'console=ttyS0 earlyprintk=serial panic=-1',
  ], { stdio: ['ignore', 'pipe', 'ignore'] })
  return new Promise((answer) => {
    let said = ''
    const over = (works: boolean) => { clearTimeout(timer); qemu.kill('SIGKILL'); answer(works) }
    const timer = setTimeout(over, 3000, false)
    qemu.stdout.on('data', (d) => { said += d; if (said.includes('Linux version')) over(true) })
    qemu.on('error', () => over(false))
    qemu.on('exit', () => over(false))
  })
}
