/** Where an image's bytes lie when a host writes them: one writer, one key, never reused. */
export const imageKey = (id: string) => `images/${id}`
/** Where one attempt at an upload writes. */
export const attemptKey = (id: string, attempt: string) => `images/${id}/${attempt}`
