import { executor } from '../core/executor.ts'

export const imageExecutors = [
  executor('image.fetch', {
    async act({ images, blob, progress }, { image }) {
      await images.fetch(image, () => blob(image.id, 'GET'), progress)
      return {}
    },
  }),
  executor('image.forget', {
    async act({ images }, { images: some }) {
      for (const one of some) await images.forget(one)
      return {}
    },
  }),
]
