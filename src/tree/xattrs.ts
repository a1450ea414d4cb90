/**
 * Reading extended attributes, which Node itself cannot: through the package `fs-xattr` where the
 * user has installed it. It is compiled on installation, so it is never one of our dependencies.
 *
 * The package takes paths that are text and follows symbolic links. On Linux neither matters: a
 * descriptor that only names the inode (O_PATH) has a path in /proc that is all ASCII and leads to
 * that inode, be it a link. Elsewhere symbolic links are taken to have no attributes.
 */

import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { TreeError } from '../errors.ts'
import { describePath, type HostPath, toPathLike } from './host-path.ts'
import { isStorableXattr } from './xattr-names.ts'

export type XattrMap = ReadonlyMap<string, Uint8Array>
export type ReadXattrs = (path: HostPath, isSymlink: boolean) => XattrMap

export type XattrAccess =
  | {
      readonly available: true
      /** For `ScanOptions.readXattrs`. @throws TreeError UNREADABLE */
      readonly read: ReadXattrs
    }
  | {
      readonly available: false
      /** Why, as the rest of a sentence. */
      readonly reason: string
    }

/** What we use of fs-xattr 0.4. */
export interface XattrModule {
  listAttributesSync(path: string): string[]
  getAttributeSync(path: string, attribute: string): Uint8Array
}

const PACKAGE = 'fs-xattr'
const NONE: XattrMap = new Map()
/** Of Linux on every processor Node runs on; `node:fs` does not name it. */
const O_PATH = 0o10000000
const DESCRIPTORS = '/proc/self/fd'

/**
 * Finds out whether this host can read extended attributes.
 *
 * @param load how the package is imported; tests have another one
 */
export async function openXattrReader(
  load: () => Promise<unknown> = () => import(PACKAGE),
): Promise<XattrAccess> {
  try {
    const module = await load()
    if (!isXattrModule(module)) {
      return { available: false, reason: `this version of ${PACKAGE} is not known` }
    }
    const hasDescriptors = process.platform === 'linux' && existsSync(DESCRIPTORS)
    return { available: true, read: hasDescriptors ? byDescriptor(module) : byPath(module) }
  } catch (error) {
    const isMissing = codeOf(error) === 'ERR_MODULE_NOT_FOUND'
    const reason = isMissing
      ? `the optional package ${PACKAGE} is not installed`
      : `the package ${PACKAGE} does not load`
    return { available: false, reason }
  }
}

function isXattrModule(module: unknown): module is XattrModule {
  return (
    typeof module === 'object' &&
    module !== null &&
    'listAttributesSync' in module &&
    typeof module.listAttributesSync === 'function' &&
    'getAttributeSync' in module &&
    typeof module.getAttributeSync === 'function'
  )
}

function byDescriptor(module: XattrModule): ReadXattrs {
  return (path) => {
    const descriptor = openSync(toPathLike(path), O_PATH | constants.O_NOFOLLOW)
    try {
      return readAll(module, `${DESCRIPTORS}/${descriptor}`, path)
    } finally {
      closeSync(descriptor)
    }
  }
}

function byPath(module: XattrModule): ReadXattrs {
  return (path, isSymlink) => {
    if (isSymlink) return NONE
    if (typeof path === 'string') return readAll(module, path, path)
    const message = `cannot read the attributes of ${describePath(path)}: its path is not UTF-8`
    throw new TreeError('UNREADABLE', message, { hint: 'rename it or exclude it' })
  }
}

function readAll(module: XattrModule, place: string, path: HostPath): XattrMap {
  try {
    // Attributes of other namespaces describe the host's file system and have no place in ours.
    const names = module.listAttributesSync(place).filter(isStorableXattr)
    if (names.length === 0) return NONE
    names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    return new Map(
      names.map((name) => [name, new Uint8Array(module.getAttributeSync(place, name))]),
    )
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOTSUP' || code === 'EOPNOTSUPP') return NONE
    const message = `cannot read the attributes of ${describePath(path)}: ${code}`
    throw new TreeError('UNREADABLE', message, { cause: error })
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
