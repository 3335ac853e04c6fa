import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { guests, libvirtUri } from '../../local/host/libvirtd.ts'
import { layout } from '../../local/layout.ts'
import { sh } from '../steps.ts'

/** What a cloud has on this machine, seen without asking it. */
export class Host {
  readonly data: string
  constructor(data: string) { this.data = data }
  get at() { return layout(this.data) }
  get tag() { return this.at.tag }
  get externalCidr(): string { return JSON.parse(readFileSync(path.join(this.data, 'cloud.json'), 'utf8')).externalCidr }

  async domains(): Promise<string[]> {
    const { stdout } = await sh('virsh', ['-c', libvirtUri(this.at), 'list', '--all', '--name'])
    return stdout.split('\n').filter(Boolean)
  }
  emulators(): number { return guests(this.at).length }
  async devices(): Promise<string[]> {
    const { stdout } = await sh('ip', ['-o', 'link'])
    return [...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map((m) => m[1]).filter((d) => d.startsWith(`v${this.tag}`))
  }
  /** Taps of guests. */
  async taps(): Promise<string[]> { return (await this.devices()).filter((d) => d.startsWith(`v${this.tag}t`)) }
  async namespaces(): Promise<string[]> { return (await sh('ip', ['netns', 'list'])).stdout.split('\n').filter((n) => n.startsWith(`v${this.tag}`)) }
  async tables(): Promise<string[]> { return (await sh('nft', ['list', 'tables'])).stdout.split('\n').filter((t) => t.includes(`virga_${this.tag}`)) }
  /** Files of guests and volumes; what is cached of images does not count. */
  files(): string[] {
    const root = path.join(this.data, 'bridge')
    return ['disks', 'config', 'console', 'nvram'].map((d) => path.join(root, d)).filter(existsSync).flatMap((dir) => readdirSync(dir, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => path.join(f.parentPath, f.name)))
  }
}
