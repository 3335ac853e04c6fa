import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileError, run } from './run.ts'
import type { Store } from './store.ts'

const safe = /^(?!.*(^|\/)\.{1,2}(\/|$))[\w.-]+(\/[\w.-]+)*$/

/** An ISO 9660 volume `config-2`, as cloud-init and its kin look for. Its files may be secret: only root and QEMU read it. */
export async function writeConfigDrive(store: Store, uuid: string, files: Record<string, string | Uint8Array>): Promise<string> {
  const final = store.config(uuid)
  const tree = await mkdtemp(store.temp('d-'))
  const image = store.temp('iso')
  try {
    await chmod(tree, 0o700)
    for (const [name, content] of Object.entries(files)) {
      if (!safe.test(name)) throw new Error('not a file name for a config drive')
      await mkdir(join(tree, dirname(name)), { recursive: true })
      await writeFile(join(tree, name), content)
    }
    const was = process.umask(0o077)
    try {
      // Spawned before the umask is given back.
      const made = run('genisoimage', ['-quiet', '-o', image, '-V', 'config-2', '-J', '-r', '-l', '-ldots', '-allow-lowercase', '-allow-multidot', tree])
      process.umask(was)
      await made
    } finally { process.umask(was) }
    await store.commit(image, final)
    return final
  } catch (error) {
    throw fileError(error)
  } finally {
    await rm(tree, { recursive: true, force: true })
    await rm(image, { force: true })
  }
}
