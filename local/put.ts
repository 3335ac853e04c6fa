import { openAsBlob } from 'node:fs'

// put.ts FILE URL: sends the file there, for whom the token in VIRGA_TOKEN is
const [file, url] = process.argv.slice(2)
const answer = await fetch(url!, {
  method: 'PUT', headers: { 'x-auth-token': process.env.VIRGA_TOKEN ?? '', 'content-type': 'application/octet-stream' },
  body: await openAsBlob(file!), signal: AbortSignal.timeout(300_000),
}).catch((e: Error) => e)
if (answer instanceof Error || !answer.ok) {
  console.error(answer instanceof Error ? answer.message : `${answer.status} ${(await answer.text()).slice(0, 500)}`)
  process.exit(1)
}
