/** Names of the hidden files that extsign keeps beside a file while it changes that. */

import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { startOfName } from './start-of-name.ts'

/** Room for the rest of the name within the 255 bytes a file system allows. */
const NAME_BYTES = 200

/**
 * `.hello.raw.KIND` beside `hello.raw`, which must not be a symbolic link. Of names of more than 200
 * bytes only the beginning is in it, with a digest of the whole name.
 */
export function besidePath(path: string, kind: 'lock' | 'change'): string {
  const name = basename(path)
  return join(dirname(path), `.${shorten(name)}.${kind}`)
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return `${startOfName(name, NAME_BYTES - 17)}-${digest}`
}
