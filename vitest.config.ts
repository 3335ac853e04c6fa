import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Each login is a line of the log, and tests log in thousands of times.
    onConsoleLog: (log) => !log.includes('"what":"authenticate"'),
    projects: [
      { test: { name: 'node', environment: 'node', include: ['local/**/*.test.ts', 'bridge/**/*.test.ts', 'schema/**/*.test.ts'] } },
      { test: { name: 'host', environment: 'node', include: ['tests/bridge/**/*.test.ts', 'tests/directory/**/*.test.ts'], fileParallelism: false, testTimeout: 60_000 } },
      {
        plugins: [cloudflareTest({
          main: 'tests/harness/worker.ts',
          miniflare: { compatibilityDate: '2026-10-01', compatibilityFlags: ['nodejs_compat'], durableObjects: { DOORBELL: 'Doorbell', CONSOLE: 'Console' } },
        })],
        // A file's clouds are its own (tests/harness/cloud.ts), so files share what takes longest: loading the modules.
        test: { name: 'workerd', isolate: false, globalSetup: ['tests/harness/global.ts'], setupFiles: ['tests/harness/hook.ts'], include: ['functions/**/*.test.ts', 'tests/contract/**/*.test.ts'], testTimeout: 20_000 },
      },
    ],
  },
})
