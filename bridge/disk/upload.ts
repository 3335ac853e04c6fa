import { Terminal } from '../drivers.ts'
import { executor } from '../core/executor.ts'
import { putFile } from '../core/bytes.ts'
import { named } from './ref.ts'

/** What was uploaded cannot be seen from here, so the answer comes from doing it; a second attempt writes the same key anew. */
export default executor('disk.upload', {
  async act({ disks, blob, progress, signal }, { disk, image, format, server }) {
    if (!await disks.exists(disk)) throw new Terminal(`${named(disk)} is not on this host`)
    progress('freezing the disk')
    const frozen = await disks.freeze(disk, format, server)
    try {
      signal.throwIfAborted()
      const sent = await putFile(frozen.path, () => blob(image, 'PUT'), {
        signal, progress: (share) => progress(`uploading ${Math.floor(share * 100)}%`),
      })
      return { ...sent, virtualSize: frozen.virtualSize }
    } finally { await frozen.dispose() }
  },
})
