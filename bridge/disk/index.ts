import create from './create.ts'
import remove from './delete.ts'
import resize from './resize.ts'
import snapshot from './snapshot.ts'
import upload from './upload.ts'

export const diskExecutors = [create, remove, resize, snapshot, upload]
