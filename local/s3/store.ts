import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { Blobs, type Blob } from './blobs.ts'
import { noSuchBucket, noSuchUpload } from './fault.ts'

/** Headers kept with an object: content-type and its kind, and x-amz-meta-*. */
export type Kept = Record<string, string>
export interface Stored { key: Buffer; content: string; size: number; etag: string; modified: number; kept: string; upload: string | null }
export interface Upload { id: string; bucket: string; key: Buffer; kept: string; started: number }
export interface Part { number: number; blob: string; size: number; etag: string; modified: number }

// Keys are blobs: compared byte by byte, which is UTF-8 order, and holding any character.
const tables = `
  create table if not exists bucket(name text primary key, created integer not null) strict, without rowid;
  create table if not exists object(bucket text not null, key blob not null, content text not null, size integer not null, etag text not null,
    modified integer not null, kept text not null, upload text, primary key (bucket, key)) strict, without rowid;
  create index if not exists object_content on object(content);
  create table if not exists segment(content text not null, number integer not null, blob text not null, size integer not null,
    primary key (content, number)) strict, without rowid;
  create index if not exists segment_blob on segment(blob);
  create table if not exists upload(id text primary key, bucket text not null, key blob not null, kept text not null, started integer not null) strict, without rowid;
  create index if not exists upload_key on upload(bucket, key, id);
  create table if not exists part(upload text not null, number integer not null, blob text not null, size integer not null, etag text not null,
    modified integer not null, primary key (upload, number)) strict, without rowid;
  create index if not exists part_blob on part(blob);`

type Row = Record<string, any>
export const newId = () => randomBytes(16).toString('hex')

/**
 * The index: which bucket holds which key, and which files hold its bytes. A copy shares the bytes (`content`) of its source.
 * One process holds it alone, by SQLite's own lock, which the kernel drops when the process dies.
 */
export class Store {
  readonly blobs: Blobs
  private readonly db: Database.Database
  private readonly texts = new Map<string, Database.Statement>()
  private readonly readers = new Map<string, number>()
  private readonly doomed = new Map<string, string[]>()

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true })
    this.db = new Database(join(dir, 'index.db'), { timeout: 1000 })
    try {
      this.db.exec(`pragma locking_mode=exclusive; pragma journal_mode=wal; pragma synchronous=full; pragma journal_size_limit=67108864; begin immediate; ${tables}; commit`)
    } catch (e) {
      if ((e as { code?: string }).code?.startsWith('SQLITE_BUSY')) throw new Error(`another process serves ${dir}`)
      throw e
    }
    this.blobs = new Blobs(join(dir, 'blobs'))
  }
  close() { this.db.close() }

  private text(sql: string) {
    let found = this.texts.get(sql)
    if (!found) this.texts.set(sql, found = this.db.prepare(sql))
    return found
  }
  one(sql: string, ...args: unknown[]): Row | undefined { return this.all(sql, ...args)[0] }
  all(sql: string, ...args: unknown[]): Row[] {
    const rows = this.text(sql).all(args) as Row[]
    for (const row of rows) if (row.key) row.key = Buffer.from(row.key)   // the driver gives an ArrayBuffer
    return rows
  }
  run(sql: string, ...args: unknown[]) { return this.text(sql).run(args).changes }
  /** All of `work` or nothing, on disk when it returns. `work` is synchronous, so nobody comes between. */
  commit<T>(work: () => T): T {
    this.db.exec('begin immediate')
    try {
      const out = work()
      this.db.exec('commit')
      return out
    } catch (e) {
      if (this.db.inTransaction) this.db.exec('rollback')
      throw e
    }
  }

  bucket(name: string): Row {
    const found = this.one('select * from bucket where name = ?', name)
    if (!found) throw noSuchBucket()
    return found
  }
  object(bucket: string, key: Buffer): Stored | undefined {
    return this.one('select * from object where bucket = ? and key = ?', bucket, key) as Stored | undefined
  }
  upload(id: string, bucket: string, key: Buffer): Upload {
    const found = this.one('select * from upload where id = ? and bucket = ? and key = ?', id, bucket, key) as Upload | undefined
    if (!found) throw noSuchUpload()
    return found
  }

  /** Within a commit: the key now means this content. Returns the files nobody names any more. */
  put(bucket: string, o: Stored, segments?: { name: string; size: number }[]): string[] {
    this.bucket(bucket)   // it may have gone while the bytes came
    const before = this.object(bucket, o.key)
    segments?.filter((s) => s.size > 0).forEach((s, i) => this.run('insert into segment values (?, ?, ?, ?)', o.content, i, s.name, s.size))
    this.run('insert or replace into object values (?, ?, ?, ?, ?, ?, ?, ?)', bucket, o.key, o.content, o.size, o.etag, o.modified, o.kept, o.upload)
    return before ? this.release(before.content) : []
  }
  /** Within a commit. */
  drop(bucket: string, key: Buffer): string[] {
    const before = this.object(bucket, key)
    if (!before) return []
    this.run('delete from object where bucket = ? and key = ?', bucket, key)
    return this.release(before.content)
  }
  private release(content: string): string[] {
    if (this.one('select 1 from object where content = ? limit 1', content)) return []
    const files = this.all('select blob from segment where content = ?', content).map((s) => s.blob as string)
    this.run('delete from segment where content = ?', content)
    if (!this.readers.has(content)) return files
    this.doomed.set(content, files)   // somebody is still reading them
    return []
  }
  dropUpload(id: string): string[] {
    const files = this.all('select blob from part where upload = ?', id).map((p) => p.blob as string)
    this.run('delete from part where upload = ?', id)
    this.run('delete from upload where id = ?', id)
    return files
  }

  segments(content: string): { name: string; size: number }[] {
    return this.all('select blob as name, size from segment where content = ? order by number', content) as { name: string; size: number }[]
  }
  /** Files of this content stay until the returned function is called. */
  hold(content: string): () => void {
    this.readers.set(content, (this.readers.get(content) ?? 0) + 1)
    return () => {
      const left = this.readers.get(content)! - 1
      if (left > 0) { this.readers.set(content, left); return }
      this.readers.delete(content)
      const files = this.doomed.get(content)
      this.doomed.delete(content)
      if (files) void this.blobs.remove(files).catch(() => {})   // if it fails, the next start sweeps them
    }
  }

  sweep(before: number) {
    return this.blobs.sweep((name) => !!this.one('select 1 from segment where blob = ?1 union all select 1 from part where blob = ?1', name), before)
  }
}
export type { Blob }
