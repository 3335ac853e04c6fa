import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '..')
/** The Node all parts run with: the one that runs this. */
export const node = process.execPath

/** Where everything of one cloud is kept. Made by `npm start`, removed whole by `npm run reset`. */
export interface Layout {
  dir: string
  /** Four hex digits that mark what this cloud makes on the host: devices, namespaces, tables. */
  tag: string
  run: string
  log: string
  in(...names: string[]): string
}

export function layout(data: string): Layout {
  const dir = existsSync(data) ? realpathSync(data) : path.resolve(data)
  const tag = createHash('sha256').update(dir).digest('hex').slice(0, 4)
  return { dir, tag, run: path.join(dir, 'run'), log: path.join(dir, 'log'), in: (...names) => path.join(dir, ...names) }
}

// Says that a folder is a cloud's, and may be removed as one.
const mark = '.virga'
export const isCloud = (dir: string) => existsSync(path.join(dir, mark))

/** Makes the folder; secrets live in it, so it is the owner's alone. A folder with other things in it is left alone. */
export function make(data: string): Layout {
  if (!existsSync(data)) mkdirSync(data, { recursive: true, mode: 0o700 })
  const at = layout(data)
  if (!isCloud(at.dir)) {
    if (readdirSync(at.dir).length) throw new Error(`${at.dir} has other things in it: name an empty or new folder with --data`)
    writeFile(at.in(mark), 'Made by npm start; npm run reset removes the whole folder.\n')
  }
  for (const sub of ['run', 'log', 'db', 's3', 'functions', 'bridge']) mkdirSync(at.in(sub), { recursive: true, mode: 0o700 })
  return at
}

export function readJson<T>(file: string): T | undefined {
  try { return JSON.parse(readFileSync(file, 'utf8')) as T } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${file} cannot be read: ${(e as Error).message}`)
  }
}

/** Whole or not at all, and on disk before it returns. */
export function writeFile(file: string, text: string, mode = 0o600): void {
  writeFileSync(`${file}.new`, text, { mode, flush: true })
  chmodSync(`${file}.new`, mode)
  renameSync(`${file}.new`, file)
}

export const writeJson = (file: string, value: unknown) => writeFile(file, JSON.stringify(value, null, 2) + '\n')
