/**
 * Writing extended attributes, through the package `fs-xattr` where the user has installed it.
 *
 * See `xattrs.ts`, which reads them.
 */

/** What we use of fs-xattr 0.4. */
interface XattrWriterModule {
  setAttributeSync(path: string, attribute: string, value: Uint8Array): void
}

export type XattrWriter =
  | {
      readonly available: true
      /**
       * Sets one attribute of an open file or folder.
       *
       * @throws what the system says
       */
      readonly write: (descriptor: number, name: string, value: Uint8Array) => void
    }
  | {
      readonly available: false
      /** Why, as the rest of a sentence. */
      readonly reason: string
    }

const PACKAGE = 'fs-xattr'

/**
 * Finds out whether this host can write extended attributes.
 *
 * @param load how the package is imported; tests have another one
 */
export async function openXattrWriter(
  load: () => Promise<unknown> = () => import(PACKAGE),
): Promise<XattrWriter> {
  let module: unknown
  try {
    module = await load()
  } catch {
    return { available: false, reason: `the optional package ${PACKAGE} is not installed` }
  }
  if (!canWrite(module)) {
    return { available: false, reason: `this version of ${PACKAGE} is not known` }
  }
  if (process.platform !== 'linux') {
    return { available: false, reason: 'only Linux reaches open files by a path' }
  }
  const { setAttributeSync } = module
  return {
    available: true,
    // A path in /proc leads to the open file itself, whatever its name has become.
    write: (descriptor, name, value) =>
      setAttributeSync(`/proc/self/fd/${descriptor}`, name, Buffer.from(value)),
  }
}

function canWrite(module: unknown): module is XattrWriterModule {
  return (
    typeof module === 'object' &&
    module !== null &&
    'setAttributeSync' in module &&
    typeof module.setAttributeSync === 'function'
  )
}
