import { expect, test } from 'vitest'
import { bytesSource } from '../../../src/bytes/source.ts'
import { openErofs } from '../../../src/formats/erofs/index.ts'
import { overlappingAttributes, scatteredFragments, wholeImageAgain } from './tiny-attacks.ts'

/** Reads all content and all attributes, as `unpack` does. */
async function readAll(image: Uint8Array): Promise<void> {
  const erofs = await openErofs(bytesSource(image))
  for await (const { inode } of erofs.walk()) {
    await erofs.xattrs(inode)
    if (inode.kind !== 'file') continue
    for await (const _ of erofs.pieces(inode)) {
      // Reading is what has a budget.
    }
  }
}

test.each([
  ['fragments', () => scatteredFragments(2000)],
  ['content', () => wholeImageAgain(6000)],
  ['values of extended attributes', overlappingAttributes],
] as const)('more %s than an image of its size can have are refused', async (what, image) => {
  await expect(readAll(image())).rejects.toMatchObject({
    code: 'TOO_LARGE',
    message: `erofs: more ${what} than an image of its size can have`,
  })
})

test('as many fragments as an image of its size can have are read', async () => {
  await readAll(scatteredFragments(150))
})
