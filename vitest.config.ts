import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'node', environment: 'node', include: ['local/**/*.test.ts', 'bridge/**/*.test.ts', 'schema/**/*.test.ts'] } },
    ],
  },
})
