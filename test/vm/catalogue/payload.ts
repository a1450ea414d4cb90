/** The catalogue as the guests see it: images, certificates and checksums in one folder. */

import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageResult } from '../../../src/images/options.ts'
import type { KeyFiles } from '../../support/keys.ts'
import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'
import type { Bench, ImageRecipe } from './image.ts'
import { DB, type KeyName, makeKeys } from './keys.ts'

/** Where the guest finds it. */
export const PAYLOAD = '/payload'

/** Written by the shell, because names need not be UTF-8; `few` stands for a file's many names. */
const CHECKSUMS = `
cd "$1"
find . -type f ! -path '*/extension-release.d/*' \\( -links -1000 -o -path '*/few/*' \\) -print0 |
  LC_ALL=C sort -z | xargs -0r b2sum >"$2"
`

export interface Payload {
  readonly folder: string
  readonly bench: Bench
  /** What the firmware is to trust. */
  readonly db: readonly KeyFiles[]
  readonly images: ReadonlyMap<ImageRecipe, ImageResult>
}

/** Makes the images of `recipes`, and everything else, below `folder`. */
export async function makePayload(
  folder: string,
  recipes: readonly ImageRecipe[],
): Promise<Payload> {
  const places = ['payload', 'trees', 'keys', ...PARTS.map((part) => `payload/${part}`)]
  for (const place of places) mkdirSync(join(folder, place), { recursive: true })
  const keys = await makeKeys(join(folder, 'keys'))
  const payload = join(folder, 'payload')
  for (const [name, { certificate }] of Object.entries(keys)) {
    copyFileSync(certificate, join(payload, 'verity.d', `${name}.crt`))
  }
  const bench = { folder: join(folder, 'trees'), keys }
  const images = new Map<ImageRecipe, ImageResult>()
  for (const recipe of recipes) {
    const image = await recipe.make(bench, join(payload, 'images', recipe.fileName))
    images.set(recipe, image)
    const sums = join(payload, 'checksums', recipe.name)
    output(tool('sh'), ['-c', CHECKSUMS, 'sh', recipe.tree(bench), sums])
  }
  return { folder: payload, bench, db: DB.map((name) => keys[name]), images }
}

const PARTS = ['images', 'checksums', 'verity.d'] as const

/** Paths in the guest. */
export const inGuest = {
  image: ({ fileName }: ImageRecipe) => `${PAYLOAD}/images/${fileName}`,
  checksums: ({ name }: ImageRecipe) => `${PAYLOAD}/checksums/${name}`,
  certificate: (name: KeyName) => `${PAYLOAD}/verity.d/${name}.crt`,
}
