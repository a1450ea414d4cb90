/** Images that were finished before the signature came that counts. */

import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { extsign } from '../../support/extsign.ts'
import type { KeyFiles } from '../../support/keys.ts'
import { type Bench, extension, type ImageRecipe } from './image.ts'
import type { KeyName } from './keys.ts'
import { writeSmall } from './trees.ts'

const OLD: KeyName = 'stranger'
const NEW: KeyName = 'platform-rsa2048'

/** Now by a key in the db. */
export const TAKEN_OVER: readonly ImageRecipe[] = [
  changed('resigned', OLD, ({ keys }, image) => resign(image, keys[NEW])),
  changed('resigned-to-p256', OLD, ({ keys }, image) => resign(image, keys['platform-p256'])),
  changed('rotated', OLD, ({ keys }, image) => {
    const plan = `${image}.plan.json`
    const { privateKey, certificate } = keys[NEW]
    const moved = { files: image, 'old-certificate': keys[OLD].certificate, certificate }
    writeFileSync(plan, JSON.stringify({ images: [{ ...moved, 'private-key': privateKey }] }))
    extsign(['rotate', plan])
  }),
  changed('signed-offline', 'none', ({ keys }, image) => {
    const [request, response] = [`${image}.request.json`, `${image}.response.json`]
    const root = ['--root', dirname(image)]
    extsign(['request', ...root, image, '--output', request])
    extsign(['sign', request, ...signingWith(keys[NEW]), '--output', response])
    extsign(['attach', ...root, response, '--certificate', keys[NEW].certificate])
  }),
]

/** No longer by a key in the db. */
export const GIVEN_AWAY = changed('resigned-away', NEW, ({ keys }, image) => {
  resign(image, keys[OLD])
})

function changed(
  name: string,
  key: KeyName | 'none',
  change: (bench: Bench, image: string) => void,
): ImageRecipe {
  const built = extension('sysext', name, writeSmall, { key })
  return {
    ...built,
    make: async (bench, image) => {
      const result = await built.make(bench, image)
      change(bench, image)
      return result
    },
  }
}

function resign(image: string, key: KeyFiles): void {
  extsign(['resign', image, ...signingWith(key)])
}

function signingWith({ privateKey, certificate }: KeyFiles): string[] {
  return ['--private-key', privateKey, '--certificate', certificate]
}
