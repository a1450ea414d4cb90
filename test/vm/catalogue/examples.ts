/** The example extensions of the repository as trees. */

import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { WriteTree } from './image.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Writes a copy of an example, which is called like the image. */
export function copyOfExample(path: string): WriteTree {
  return (tree) => cpSync(join(ROOT, path), tree, { recursive: true })
}
