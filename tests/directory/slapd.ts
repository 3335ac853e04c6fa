import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import path from 'node:path'

const openPort = () => new Promise<number>((done) => { const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address() as AddressInfo; s.close(() => done(port)) }) })
const answers = (port: number) => new Promise<boolean>((done) => { const s = connect(port, '127.0.0.1', () => { s.destroy(); done(true) }); s.on('error', () => done(false)) })

/** A directory server of one's own, from Debian's package; installed when it is not there and may be. */
export async function slapd(under: string) {
  if (!existsSync('/usr/sbin/slapd')) {
    try { execFileSync('apt-get', ['-q', '-y', 'install', '--no-install-recommends', 'slapd'], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: 'ignore' }) } catch { throw new Error('this test needs slapd: apt-get install slapd') }
  }
  const dir = path.join(under, 'slapd'), [port, tls] = [await openPort(), await openPort()]
  mkdirSync(path.join(dir, 'db'), { recursive: true })
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem')
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', 'own.key', '-out', 'own.csr')
  writeFileSync(path.join(dir, 'ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1')
  openssl('x509', '-req', '-in', 'own.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext', '-out', 'own.pem')
  writeFileSync(path.join(dir, 'slapd.conf'), `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
# As Active Directory calls them, with its numbers.
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP organizationalPerson STRUCTURAL MAY ( objectGUID $ sAMAccountName $ userAccountControl $ mail ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( objectGUID $ sAMAccountName $ member $ description ) )
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile ${dir}/ca.pem
TLSCertificateFile ${dir}/own.pem
TLSCertificateKeyFile ${dir}/own.key
sizelimit size.soft=50 size.hard=50 size.pr=20 size.prtotal=unlimited
database mdb
suffix "dc=test"
rootdn "cn=root,dc=test"
rootpw rootpw
directory ${dir}/db
`)
  let said = ''
  let child = await run()
  async function run() {
    const c = spawn('/usr/sbin/slapd', ['-d', 'stats', '-f', path.join(dir, 'slapd.conf'), '-h', `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${tls}`], { stdio: ['ignore', 'ignore', 'pipe'] })
    c.stderr.on('data', (d: Buffer) => { said = (said + d).slice(-100_000) })
    for (let i = 0; i < 100 && !await answers(port); i++) await new Promise((r) => setTimeout(r, 50))
    return c
  }
  const stop = () => new Promise<void>((done) => { if (child.exitCode !== null) return done(); child.on('exit', () => done()); child.kill() })
  return { url: `ldap://127.0.0.1:${port}`, tlsUrl: `ldaps://127.0.0.1:${tls}`, ca: path.join(dir, 'ca.pem'), stop, start: async () => { child = await run() },
    /** How many connections went from the clear to TLS. */
    tls: () => (said.match(/conn=\d+ op=\d+ STARTTLS/g) ?? []).length,
    /** What it was asked to do since the last look: BIND, SRCH, UNBIND. */
    asked: () => { const found = [...said.matchAll(/conn=\d+ op=\d+ (BIND|SRCH|UNBIND)(?= (?:dn="[^"]*" method|base)|$)/gm)].map((m) => m[1]); said = ''; return found } }
}
