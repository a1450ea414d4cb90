/** Images made by mkfs.erofs: see test/vectors/erofs/make.sh. */

import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Entry } from '../../support/describe-tree.ts'

const FOLDER = new URL('../../vectors/erofs/', import.meta.url)
const SUFFIX = '.erofs.gz'

/** What we do not read. */
export const UNSUPPORTED_VECTORS = ['lzma', 'metabox'] as const

/** Names of the images that can be read whole. */
export const VECTORS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length))
  .filter((name) => !UNSUPPORTED_VECTORS.some((other) => other === name))
  .sort()

export function readVector(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`${name}${SUFFIX}`, FOLDER))))
}

/** The tree in each of them, as `describeTree` saw it on disk. */
export function readVectorTree(): Record<string, Entry> {
  return JSON.parse(readFileSync(new URL('tree.json', FOLDER), 'utf8'))
}
