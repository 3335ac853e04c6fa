// Runs a script of this project on a machine that may have nothing but Node 20 and npm:
//   node local/bootstrap.mjs SCRIPT.ts [arguments]
// Brings node_modules up to date with package-lock.json, then runs SCRIPT with the Node that came with it, which reads
// TypeScript as it is. Plain JavaScript with built-ins only, because nothing else can be counted on here.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const modules = path.join(root, 'node_modules')
const stamp = path.join(modules, '.virga-lock')
const lockText = fs.readFileSync(path.join(root, 'package-lock.json'))
const lockHash = createHash('sha256').update(lockText).digest('hex')

const read = (file) => { try { return fs.readFileSync(file, 'utf8') } catch { return '' } }
const alive = (pid) => { try { process.kill(pid, 0); return true } catch (e) { return e.code === 'EPERM' } }
const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1) + ' s'

/** npm's own record of what it installed names everything the lock asks for: someone ran npm by hand. */
function matches() {
  try {
    const have = JSON.parse(read(path.join(modules, '.package-lock.json'))).packages
    const want = JSON.parse(lockText.toString()).packages
    return Object.entries(want).every(([where, pkg]) => where === '' || pkg.optional || pkg.dev && !have['node_modules/typescript']
      || have[where]?.version === pkg.version)
  } catch { return false }
}

function installed() {
  if (read(stamp) === lockHash) return true
  if (!matches()) return false
  fs.writeFileSync(stamp, lockHash)
  return true
}

/** One installation at a time in a checkout; a second start waits for the first. */
async function locked(work) {
  const dir = path.join(root, '.virga'), file = path.join(dir, 'install.lock')
  fs.mkdirSync(dir, { recursive: true })
  for (;;) {
    try { fs.writeFileSync(file, String(process.pid), { flag: 'wx' }); break }
    catch (e) { if (e.code !== 'EEXIST') throw e }
    const holder = Number(read(file))
    if (holder && !alive(holder)) fs.rmSync(file, { force: true })
    else await new Promise((wake) => setTimeout(wake, 300))
  }
  try { await work() } finally { fs.rmSync(file, { force: true }) }
}

function install() {
  const since = Date.now()
  const total = Object.keys(JSON.parse(lockText.toString()).packages).length
  console.log(`npm packages: installing (${total} in the lock file)`)
  // npm itself is reached by the path it gave us when it started us, else by name
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  const child = spawn(npm[0], [...npm.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, FORCE_COLOR: '0' } })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { said = (said + d).slice(-8000) })
  const timer = setInterval(() => {
    let count = 0
    try {
      for (const name of fs.readdirSync(modules)) count += name.startsWith('@') ? fs.readdirSync(path.join(modules, name)).length : 1
    } catch { /* not there yet */ }
    console.log(`npm packages: ${count} folders, ${seconds(since)}`)
  }, 5000)
  return new Promise((done, fail) => {
    const over = (problem) => { clearInterval(timer); problem ? fail(new Error(problem)) : done(undefined) }
    child.on('error', (e) => over(`npm could not be started: ${e.message}`))
    child.on('exit', (code, signal) => {
      if (code !== 0) return over(`npm ci failed (${signal ?? code}):\n${said}`)
      fs.writeFileSync(stamp, lockHash)
      console.log(`npm packages: done, ${seconds(since)}`)
      over()
    })
  })
}

/** The project's Node, or the one running this when it is new enough (an install may be told to run no scripts). */
function node() {
  const own = path.join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
  if (fs.existsSync(own)) return own
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  throw new Error('node_modules/.bin/node is missing: npm was told not to run install scripts. Allow them, or use Node 24 or later.')
}

/** What Node made of our sources is kept: later starts take half the time, and 20 MB less in every process that need not read TypeScript. */
function run(script, args) {
  const child = spawn(node(), ['--disable-warning=ExperimentalWarning', path.resolve(root, script), ...args], { stdio: 'inherit', env: { NODE_COMPILE_CACHE: path.join(root, '.virga', 'compiled'), ...process.env, VIRGA_PARENT: String(process.pid) } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  // npm killed outright passes nothing on; what it started should not outlive it unnoticed
  const parent = process.ppid
  if (process.env.npm_lifecycle_event) setInterval(() => { if (process.ppid !== parent) child.kill('SIGTERM') }, 500).unref()
  child.on('error', (e) => { console.error(e.message); process.exit(1) })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + os.constants.signals[signal]))
}

const [script, ...args] = process.argv.slice(2)
if (!script) { console.error('usage: node local/bootstrap.mjs SCRIPT.ts [arguments]'); process.exit(2) }
try {
  if (!installed()) await locked(async () => { if (!installed()) await install() })
  run(script, args)
} catch (e) {
  console.error(e.message)
  process.exit(1)
}
