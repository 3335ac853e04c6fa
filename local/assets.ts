import { copyFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { root } from './layout.ts'

/** The files for browsers, in DIR; answers what they were made from. */
export async function assets(dir: string): Promise<string[]> {
  mkdirSync(dir, { recursive: true })
  const page = 'dashboard/screen/screen.html', script = 'dashboard/screen/screen.js'
  copyFileSync(path.join(root, page), path.join(dir, 'screen.html'))
  const { metafile } = await build({
    absWorkingDir: root, entryPoints: [script], outfile: path.join(dir, 'screen.js'), bundle: true, format: 'esm', platform: 'browser', target: 'es2022', minify: true, legalComments: 'eof', metafile: true, logLevel: 'silent',
  })
  return [page, 'local/assets.ts', ...Object.keys(metafile.inputs)]
}
