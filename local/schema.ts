import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

/** Until the first release one generated file describes an empty database; from then on migrations are added, never changed. */
const sql = execFileSync('node_modules/.bin/drizzle-kit', ['export', '--dialect', 'sqlite', '--schema', 'schema/index.ts'], { encoding: 'utf8' })
  .split('\n').filter((line) => !/^(npm warn|Reading config)/.test(line)).join('\n')
writeFileSync('schema/migrations/0000_initial.sql', sql.replaceAll(/;\s*\n(?=CREATE)/g, ';\n--> statement-breakpoint\n').trimEnd() + '\n')
