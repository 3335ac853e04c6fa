import type { Database } from '../../functions/kernel/db.ts'

/** The clouds of the test file that is running, for the hook that looks them over after each test. */
export const clouds: { db(): Database; settle(): Promise<void> }[] = []
