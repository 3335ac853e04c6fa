import { wrangler } from './functions.ts'
import { main } from './start.ts'

// npm run dev: the same cloud with a simulated host, its functions served by wrangler dev and built anew at every change
const args = process.argv.slice(2)
await main(args.some((a) => a.startsWith('--hypervisor')) ? args : [...args, '--hypervisor', 'simulated'], wrangler)
