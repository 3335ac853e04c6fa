import { readFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundle } from './bundle.ts'
import { root } from './layout.ts'

// npm run build: the bundle that every platform runs, and its size
const { file, bytes } = await bundle(path.join(root, 'dist'))
const kib = (n: number) => `${(n / 1024).toFixed(1)} KiB`
console.log(`${path.relative(process.cwd(), file)}: ${kib(bytes)}, gzip ${kib(gzipSync(readFileSync(file), { level: 9 }).length)}`)
