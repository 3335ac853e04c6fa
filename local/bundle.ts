import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { build, stop } from 'esbuild'
import { assets } from './assets.ts'
import { readJson, root, writeFile, writeJson } from './layout.ts'

interface Made { from: Record<string, string>; bytes: number }
export interface Bundle { file: string; bytes: number; fresh: boolean }

/** The functions with their files for browsers in DIR/assets, or what else ENTRY names, as one module in DIR/worker.js; made again only when a source it was made from has changed. */
export async function bundle(dir: string, entry = 'functions/index.ts'): Promise<Bundle> {
  mkdirSync(dir, { recursive: true })
  const file = path.join(dir, 'worker.js'), record = path.join(dir, 'worker.json')
  const made = readJson<Made>(record)
  if (made && bytesOf(file) === made.bytes && Object.entries(made.from).every(([name, was]) => mark(name) === was)) return { file, bytes: made.bytes, fresh: false }
  const result = await build({
    absWorkingDir: root, entryPoints: [entry], bundle: true, format: 'esm', platform: 'neutral', target: 'esnext',
    mainFields: ['module', 'main'], conditions: ['workerd', 'worker', 'browser', 'import'], external: ['node:*', 'cloudflare:*'],
    plugins: [nodePrefix], minifySyntax: true, minifyWhitespace: true, keepNames: false, legalComments: 'none', sourcemap: false,
    metafile: true, write: false, logLevel: 'silent',
  }).catch((e: { errors?: { text: string; location?: { file: string; line: number } }[] }) => {
    throw new Error('the functions do not build:\n' + (e.errors?.map((x) => `  ${x.location ? `${x.location.file}:${x.location.line}: ` : ''}${x.text}`).join('\n') ?? e))
  })
  const shown = entry === 'functions/index.ts' ? await assets(path.join(dir, 'assets')) : []
  // Its own process would stay as long as ours.
  await stop()
  const text = result.outputFiles[0].text
  writeFile(file, text, 0o644)
  const bytes = Buffer.byteLength(text)
  const inputs = [...Object.keys(result.metafile.inputs), ...shown, 'package-lock.json', 'local/bundle.ts']
  writeJson(record, { from: Object.fromEntries(inputs.map((name) => [name, mark(name)])), bytes } satisfies Made)
  return { file, bytes, fresh: true }
}

/** Libraries that write `crypto` for `node:crypto`: the runtime knows only the latter. */
const nodePrefix = {
  name: 'node-prefix',
  setup(on: import('esbuild').PluginBuild) {
    // This runtime's debuglog writes always, and what this one writes is who asked a directory for whom.
    on.onLoad({ filter: /[\\/]ldapts[\\/]dist[\\/]index\.mjs$/ }, (at) => ({ contents: readFileSync(at.path, 'utf8').replace('debuglog("ldapts")', '() => {}'), loader: 'js' }))
    // What the SAML library's libraries ask for and do not use: files, and talk meant for a terminal.
    on.onResolve({ filter: /^(fs|debug)$/ }, ({ path }) => ({ path, namespace: 'unused' }))
    on.onLoad({ filter: /./, namespace: 'unused' }, ({ path }) => ({ contents: path === 'fs' ? 'module.exports = {}' : 'const d = () => () => {}; d.default = d; module.exports = d', loader: 'js' }))
    const builtin = /^(assert|async_hooks|buffer|crypto|events|path|process|querystring|stream|string_decoder|timers|url|util|zlib)(\/|$)/
    // What is required in the old way has to come by an import all the same: there is no `require` in a module.
    on.onResolve({ filter: builtin }, ({ path, kind }) => kind === 'entry-point' ? undefined : kind === 'require-call' ? { path, namespace: 'required' } : { path: `node:${path}`, external: true })
    on.onLoad({ filter: /./, namespace: 'required' }, ({ path }) => ({ contents: `module.exports = require('imported:${path}').default`, loader: 'js' }))
    on.onResolve({ filter: /^imported:/ }, ({ path }) => ({ path: path.slice('imported:'.length), namespace: 'imported' }))
    on.onLoad({ filter: /./, namespace: 'imported' }, ({ path }) => ({ contents: `export { default } from 'node:${path}'`, loader: 'js' }))
  },
}

const bytesOf = (file: string) => { try { return statSync(file).size } catch { return -1 } }
const mark = (name: string) => {
  try { return createHash('sha256').update(readFileSync(path.join(root, name))).digest('hex').slice(0, 16) } catch { return '' }
}

if (import.meta.main) await bundle(process.argv[2]!).catch((e: Error) => {
  console.error(e.message)
  process.exit(1)
})
