/** Images as the kernel of this machine sees them. */

import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { output } from './run.ts'
import { tool } from './tools.ts'

/** A file system inside a file. */
export interface Location {
  readonly path: string
  readonly type: 'erofs' | 'squashfs'
  /** In bytes. */
  readonly offset: number
  readonly size: number
}

/** Mounts a file system read-only, calls `look` with the mount point, and unmounts it. */
export function whileMounted<Result>(
  { path, type, offset, size }: Location,
  look: (folder: string) => Result,
): Result {
  const folder = mkdtempSync(join(tmpdir(), 'extsign-mount-'))
  const where = `ro,loop,offset=${offset},sizelimit=${size}`
  try {
    output(tool('mount'), ['-t', type, '-o', where, path, folder])
    try {
      return look(folder)
    } finally {
      output(tool('umount'), [folder])
    }
  } finally {
    rmdirSync(folder)
  }
}
