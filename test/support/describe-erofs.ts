/** A file system as our reader sees it, as the same table that `describeTree` makes of a folder. */

import { createHash } from 'node:crypto'
import type { Erofs, Inode } from '../../src/formats/erofs/index.ts'
import type { Entry } from './describe-tree.ts'

/** Everything below the root, by path; the root itself is not part of it. */
export async function describeErofs(erofs: Erofs): Promise<Record<string, Entry>> {
  const firstPaths = new Map<number, string>()
  const entries: Record<string, Entry> = {}
  for await (const { path: bytes, inode } of erofs.walk()) {
    if (bytes.length === 0) continue
    const path = `/${latin1(bytes)}`
    const first = firstPaths.get(inode.nid) ?? path
    firstPaths.set(inode.nid, first)
    const xattrs = await erofs.xattrs(inode)
    entries[path] = {
      kind: inode.kind.replace('-', ' '),
      mode: (inode.mode & 0o7777).toString(8),
      owner: `${inode.uid}:${inode.gid}`,
      mtime: `${BigInt(inode.mtime.seconds) * 1_000_000_000n + BigInt(inode.mtime.nanoseconds)}`,
      ...(await contentOf(erofs, inode)),
      ...(inode.nlink > 1 && inode.kind !== 'directory' ? { link: first } : {}),
      ...(xattrs.size > 0 ? { xattrs: describeXattrs(xattrs) } : {}),
    }
  }
  return entries
}

async function contentOf(erofs: Erofs, inode: Inode): Promise<Pick<Entry, 'content' | 'size'>> {
  if (inode.kind === 'symlink') return { content: latin1(await erofs.readlink(inode)) }
  if (inode.device) return { content: `${rdevOf(inode.device)}` }
  if (inode.kind !== 'file') return {}
  const hash = createHash('sha256')
  for await (const chunk of erofs.read(inode)) hash.update(chunk)
  return { content: hash.digest('hex'), size: inode.size }
}

/** `st_rdev` as Linux gives it to programs, for majors below 4096. */
function rdevOf({ major, minor }: { readonly major: number; readonly minor: number }): number {
  return (minor & 0xff) + major * 2 ** 8 + Math.floor(minor / 2 ** 8) * 2 ** 20
}

function describeXattrs(xattrs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    Array.from(xattrs, ([name, value]) => [name, `0x${Buffer.from(value).toString('hex')}`]),
  )
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
