import { byKind } from './core/executor.ts'
import { diskExecutors } from './disk/index.ts'
import { domainExecutors } from './domain/index.ts'
import { imageExecutors } from './image/index.ts'
import { moveExecutors } from './move/index.ts'

/** Everything this host can do; a test compares it with the vocabulary in schema/jobs.ts. */
export const executors = byKind([...diskExecutors, ...domainExecutors, ...imageExecutors, ...moveExecutors])
