/** Images that the kernel accepts, because it knows who signed them. */

import type { BuildOptions, CompressionAlgorithm } from '../../../src/images/options.ts'
import { wrapFilesystem } from '../../../src/images/wrap.ts'
import { describeTree } from '../../support/describe-tree.ts'
import { xattrManifest } from '../../support/manifest.ts'
import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'
import { TAKEN_OVER } from './changed-hands.ts'
import { copyOfExample } from './examples.ts'
import { type ExtensionOptions, extension, type ImageRecipe, signingWith } from './image.ts'
import * as trees from './trees.ts'

/** Later than every time in the trees, so that none is clamped. */
const SOURCE_DATE_EPOCH = 2 ** 33
const BLOCK = 4096
/** With one block of noise more, an image has one sector more than 4 MiB. */
const BLOCKS_OF_4_MIB = 749

/** Images with everything a file system can hold. */
export const EVERYTHING: readonly ImageRecipe[] = [
  extension('sysext', 'everything-none', trees.writeEverything, everything('none')),
  extension('sysext', 'everything-lz4', trees.writeEverything, everything('lz4')),
  extension('sysext', 'everything-zstd', trees.writeEverything, everything('zstd')),
  extension('confext', 'everything-confext', trees.writeEverything, everything('zstd')),
]

/** The examples of the repository. */
export const HELLO = extension('sysext', 'hello', copyOfExample('extensions/hello'))
export const SITE = extension('confext', 'site', copyOfExample('confexts/site'))

/** Just under and just over the size from which partitions start at 1 MiB. */
export const UNDER_4_MIB = ofBlocks('under-4-mib', BLOCKS_OF_4_MIB)
export const OVER_4_MIB = ofBlocks('over-4-mib', BLOCKS_OF_4_MIB + 1)

export const HARD_LINKS = extension('sysext', 'hard-links', trees.writeHardLinks)

const LAYOUTS: readonly ImageRecipe[] = [
  extension('sysext', 'one-block', trees.writeSmall),
  extension('confext', 'one-block-confext', trees.writeSmall),
  UNDER_4_MIB,
  OVER_4_MIB,
  extension('sysext', 'sectors-4096', trees.noiseOfSize(99 * BLOCK), sectors4096()),
  extension('sysext', 'sectors-4096-zstd', trees.writeLargeFile, sectors4096('zstd')),
  extension('confext', 'sectors-4096-confext', trees.writeSmall, sectors4096()),
  extension('sysext', 'many-files', trees.writeManyFiles),
  extension('sysext', 'many-files-lz4', trees.writeManyFiles, compressed('lz4')),
  extension('sysext', 'large-file', trees.writeLargeFile),
  extension('sysext', 'large-file-lz4', trees.writeLargeFile, compressed('lz4')),
  extension('sysext', 'deep-tree', trees.writeDeepTree),
  extension('sysext', 'long-names', trees.writeLongNames),
  HARD_LINKS,
  extension('sysext', 'with-sidecars', trees.writeSmall, { build: { sidecars: true } }),
  extension('sysext', 'versioned', trees.writeSmall, {
    fileName: 'versioned_1.2_x86-64.sysext.raw',
    build: { version: '1.2' },
  }),
  wrappedSquashfs('wrapped-squashfs'),
]

/** Every algorithm, with the certificate in the message and without. */
const SIGNATURES: readonly ImageRecipe[] = (
  ['platform-rsa2048', 'platform-rsa4096', 'platform-p256'] as const
).flatMap((key) => [
  extension('sysext', `by-${key}`, trees.writeSmall, { key }),
  extension('sysext', `by-${key}-not-embedded`, trees.writeSmall, { key, embedCertificate: false }),
  extension('confext', `by-${key}-confext`, trees.writeSmall, { key }),
])

/** Signed by a key whose certificate is not in the db, while that of its issuer is. */
export const ISSUED = extension('sysext', 'issued', trees.writeSmall, { key: 'issued' })

/** All of them. */
export const ACCEPTED: readonly ImageRecipe[] = [
  ...EVERYTHING,
  HELLO,
  SITE,
  ...LAYOUTS,
  ...SIGNATURES,
  ISSUED,
  ...TAKEN_OVER,
]

function everything(algorithm: CompressionAlgorithm): ExtensionOptions {
  const sourceDateEpoch = SOURCE_DATE_EPOCH
  return {
    build: { compression: { algorithm }, preserveOwner: true, sourceDateEpoch },
    buildFor: (tree) => {
      return { manifest: { path: 'metadata', text: xattrManifest(describeTree(tree)) } }
    },
  }
}

function compressed(algorithm: CompressionAlgorithm): { build: Partial<BuildOptions> } {
  return { build: { compression: { algorithm } } }
}

function sectors4096(algorithm: CompressionAlgorithm = 'none'): ExtensionOptions {
  return { build: { ...compressed(algorithm).build, sectorSize: 4096 } }
}

function ofBlocks(name: string, blocks: number): ImageRecipe {
  return extension('sysext', name, trees.noiseOfSize(blocks * BLOCK, blocks))
}

/** A squashfs that somebody else made. */
function wrappedSquashfs(name: string): ImageRecipe {
  const write = trees.noiseOfSize(99 * BLOCK)
  const plain = extension('sysext', name, write)
  return {
    ...plain,
    fileName: `${name}.raw`,
    make: async (bench, image) => {
      const tree = plain.tree(bench)
      write(tree, 'sysext', name)
      const filesystem = `${tree}.squashfs`
      output(tool('mksquashfs'), [tree, filesystem, '-quiet', '-no-progress', '-all-root'])
      const signing = await signingWith(bench.keys)
      return wrapFilesystem({ filesystem, output: image, name, threads: 0, ...signing })
    },
  }
}
