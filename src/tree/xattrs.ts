/**
 * Reading extended attributes, which Node itself cannot: through the package `fs-xattr` where the
 * user has installed it. It is compiled on installation, so it is never one of our dependencies.
 *
 * Attributes are read by path and only of what is not a symbolic link, which fs-xattr would follow.
 */

import { TreeError } from '../errors.ts'
import { errnoOf } from '../files/errno.ts'
import { describePath, type HostPath } from './host-path.ts'
import { isStorableXattr } from './xattr-names.ts'

export type XattrAccess =
  | {
      readonly available: true
      /** For `ScanOptions.readXattrs`. @throws TreeError UNREADABLE */
      readonly read: (path: HostPath) => ReadonlyMap<string, Uint8Array>
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

const NONE: ReadonlyMap<string, Uint8Array> = new Map()
const PACKAGE = 'fs-xattr'

/** Finds out whether this host can read extended attributes. `load` replaces the import in tests. */
export async function openXattrReader(
  load: () => Promise<unknown> = () => import(PACKAGE),
): Promise<XattrAccess> {
  try {
    const module = await load()
    if (isXattrModule(module)) return { available: true, read: (path) => readAll(module, path) }
    return { available: false, reason: `this version of ${PACKAGE} is not known` }
  } catch (error) {
    const missing =
      error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    const reason = missing
      ? `the optional package ${PACKAGE} is not installed`
      : `${PACKAGE} does not load`
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

function readAll(module: XattrModule, path: HostPath): ReadonlyMap<string, Uint8Array> {
  if (typeof path !== 'string') {
    const message = `cannot read the attributes of ${describePath(path)}: its path is not UTF-8`
    throw new TreeError('UNREADABLE', message, { hint: 'rename it or exclude it' })
  }
  try {
    // Attributes of other namespaces describe the host's file system and have no place in ours.
    const names = module.listAttributesSync(path).filter(isStorableXattr)
    if (names.length === 0) return NONE
    names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    return new Map(names.map((name) => [name, new Uint8Array(module.getAttributeSync(path, name))]))
  } catch (error) {
    const errno = errnoOf(error) ?? codeOf(error)
    if (errno === 'ENOTSUP' || errno === 'EOPNOTSUPP') return NONE
    throw new TreeError('UNREADABLE', `cannot read the attributes of ${path}: ${errno}`, {
      cause: error,
    })
  }
}

/** fs-xattr reports no system call, which is how others are told apart. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
