/** Sound images of a key everybody knows that systemd has no use for. */

import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { makeImageOfTree } from '../../support/image-of-tree.ts'
import { writeFile } from '../../support/sample-trees.ts'
import { extension, type ImageRecipe, signingWith } from './image.ts'
import { writeSmall } from './trees.ts'

export const UNUSABLE: readonly ImageRecipe[] = [
  operatingSystem(extension('sysext', 'with-os-release', writeSmall)),
  renamed(extension('sysext', 'renamed', writeSmall)),
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
