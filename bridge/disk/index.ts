import backup from './backup.ts'
import create from './create.ts'
import remove from './delete.ts'
import resize from './resize.ts'
import restore from './restore.ts'
import snapshot from './snapshot.ts'
import upload from './upload.ts'

export const diskExecutors = [create, remove, resize, snapshot, upload, backup, restore]
