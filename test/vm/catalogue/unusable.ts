/** Sound images of a key everybody knows that systemd has no use for. */

import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { wrapFilesystem } from '../../../src/images/wrap.ts'
import { makeImageOfTree } from '../../support/image-of-tree.ts'
import { outputInTree } from '../../support/reference-trees.ts'
import { writeFile } from '../../support/sample-trees.ts'
import { extension, type ImageRecipe, signingWith } from './image.ts'
import { writeSmall } from './trees.ts'

export const UNUSABLE: readonly ImageRecipe[] = [
  operatingSystem(extension('sysext', 'with-os-release', writeSmall)),
  renamed(extension('sysext', 'renamed', writeSmall)),
  smallBlocks(extension('sysext', 'blocks-of-512', writeSmall)),
]

/** What marks a whole operating system is in it. */
function operatingSystem(recipe: ImageRecipe): ImageRecipe {
  const { kind, name } = recipe
  return {
    ...recipe,
    make: async (bench, output) => {
      const tree = recipe.tree(bench)
      writeSmall(tree, kind, name)
      writeFile(join(tree, 'usr/lib/os-release'), 'ID=debian\n')
      return makeImageOfTree({ kind, tree, output, name, ...(await signingWith(bench.keys)) })
    },
  }
}

/** Its file has another name than its release file says. */
function renamed(recipe: ImageRecipe): ImageRecipe {
  return {
    ...recipe,
    fileName: 'another-name.sysext.raw',
    make: async (bench, output) => {
      const built = join(bench.folder, recipe.fileName)
      const image = await recipe.make(bench, built)
      renameSync(built, output)
      return image
    },
  }
}

/** A file system that the kernel mounts and libblkid does not recognize. */
function smallBlocks(recipe: ImageRecipe): ImageRecipe {
  const { kind, name } = recipe
  return {
    ...recipe,
    make: async (bench, output) => {
      const tree = recipe.tree(bench)
      const filesystem = `${tree}.erofs`
      mkdirSync(tree, { recursive: true })
      writeSmall(tree, kind, name)
      // Since 1.9 there is a checksum in it.
      outputInTree('sid', bench.folder, 'mkfs.erofs', ['-b512', filesystem, tree])
      const signing = await signingWith(bench.keys)
      return wrapFilesystem({ filesystem, output, name, threads: 0, ...signing })
    },
  }
}
