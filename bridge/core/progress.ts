/** Lets at most one text a second through, the newest; the first waits too, so short jobs cost no extra call. */
export class Progress {
  #text: string | undefined
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<unknown> = Promise.resolve()
  readonly #send: (text: string) => Promise<unknown>
  readonly #every: number
  constructor(send: (text: string) => Promise<unknown>, every = 1000) {
    this.#send = send
    this.#every = every
  }

  say(text: string) {
    this.#text = text.slice(0, 255)
    this.#timer ??= setTimeout(() => this.#flush(), this.#every)
  }

  #flush() {
    this.#timer = undefined
    const text = this.#text
    this.#text = undefined
    if (text !== undefined) this.#sending = this.#send(text).catch(() => {})
  }

  /** Nothing is sent after this resolves: the last word is the report's. */
  async end() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#text = undefined
    await this.#sending
  }
}
