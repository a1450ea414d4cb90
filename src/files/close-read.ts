import type { FileHandle } from 'node:fs/promises'

/**
 * Closes what was only read, or written and made durable. Some file systems report errors then, which
 * change nothing about what was done.
 */
export async function closeRead(handle: FileHandle | undefined): Promise<void> {
  await handle?.close().catch(() => undefined)
}
