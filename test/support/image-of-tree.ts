/** Images of any tree, also of those that `buildExtension` refuses because systemd would. */

import type { ExtensionKind, ImageResult, Signing } from '../../src/images/options.ts'
import { createPool } from '../../src/images/pipeline/pool.ts'
import { assembleImage } from '../../src/images/write/assemble.ts'
import { planFilesystem, writeFilesystem } from '../../src/images/write/filesystem/write.ts'
import { scanDirectory } from '../../src/tree/from-directory.ts'

export interface TreeImageOptions {
  readonly kind: ExtensionKind
  readonly tree: string
  readonly output: string
  /** From which UUIDs and salt derive. */
  readonly name: string
  readonly signing?: Signing
}

/** Puts an image together from the parts that `buildExtension` uses, without its questions. */
export async function makeImageOfTree(options: TreeImageOptions): Promise<ImageResult> {
  const plan = planFilesystem(scanDirectory(options.tree), 0)
  const pool = createPool(0)
  try {
    return await assembleImage({
      ...options,
      version: undefined,
      maxBlocks: plan.maxBlocks,
      write: ({ stock, sink, salt, filesystemUuid: uuid }) => {
        const settings = { salt, uuid, epoch: 0, compression: undefined }
        return writeFilesystem(plan, settings, pool, stock, sink)
      },
    })
  } finally {
    await pool.close()
  }
}
