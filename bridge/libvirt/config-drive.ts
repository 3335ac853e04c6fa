import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileError, run } from './run.ts'
import type { Store } from './store.ts'

const safe = /^(?!.*(^|\/)\.{1,2}(\/|$))[\w.-]+(\/[\w.-]+)*$/

/** An ISO 9660 volume `config-2`, as cloud-init and its kin look for. Its files may be secret, so it is made in a folder of root's own. */
export async function writeConfigDrive(store: Store, uuid: string, files: Record<string, string | Uint8Array>): Promise<string> {
  const final = store.config(uuid)
  const work = await mkdtemp(store.temp('d-'))
  const tree = join(work, 'tree'), image = join(work, 'image')
  try {
    for (const [name, content] of Object.entries(files)) {
      if (!safe.test(name)) throw new Error('not a file name for a config drive')
      await mkdir(dirname(join(tree, name)), { recursive: true })
      await writeFile(join(tree, name), content)
    }
    await run('genisoimage', ['-quiet', '-o', image, '-V', 'config-2', '-J', '-r', '-l', '-ldots', '-allow-lowercase', '-allow-multidot', tree])
    await store.commit(image, final)
    return final
  } catch (error) {
    throw fileError(error)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
