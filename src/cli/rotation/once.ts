/** Keys that are opened when the first one asks for them, and let go of at the end. */

export type Closing = () => Promise<void>

/** `open` is called at most once; every caller gets what it gave. */
export function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined
  return () => {
    opened ??= open()
    return opened
  }
}
