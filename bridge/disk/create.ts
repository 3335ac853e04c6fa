import { Hopeless, Terminal } from '../drivers.ts'
import { executor } from '../core/executor.ts'
import { named } from './ref.ts'

export default executor('disk.create', {
  async observe({ disks }, { disk }) {
    return await disks.exists(disk) ? { bytes: await disks.bytes(disk) } : undefined
  },
  async act(work, args) {
    const { disks, images, revert, progress, blob } = work
    const { source, disk } = args
    if ('disk' in source && !await disks.exists(source.disk)) throw new Terminal(`${named(source.disk)} is not on this host`)
    revert(() => disks.delete(disk))
    await disks.create(args, {
      image: () => {
        if (!('image' in source)) throw new Hopeless('this disk is not made from an image')
        return images.fetch(source.image, () => blob(source.image.id, 'GET'), progress)
      },
    })
  },
})
