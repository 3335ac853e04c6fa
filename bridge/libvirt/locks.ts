/** One at a time per key, in order of arrival; several keys are taken together, so no two callers wait for each other. */
export class Locks {
  #tails = new Map<string, Promise<void>>()

  async with<T>(keys: string[], work: () => Promise<T>): Promise<T> {
    const before = Promise.all(keys.map((key) => this.#tails.get(key)))
    const { promise: mine, resolve } = Promise.withResolvers<void>()
    for (const key of keys) this.#tails.set(key, mine)
    try {
      await before
      return await work()
    } finally {
      resolve()
      for (const key of keys) if (this.#tails.get(key) === mine) this.#tails.delete(key)
    }
  }
}
