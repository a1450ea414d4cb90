import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { inspectImage } from '../../src/images/inspect.ts'
import { listImage } from '../../src/images/list.ts'
import { unpackImage } from '../../src/images/unpack.ts'
import { verifyImage } from '../../src/images/verify.ts'
import {
  manyReleaseFiles,
  overlappingAttributes,
  overlappingChunks,
  scatteredFragments,
  selfContained,
  sharedDirectories,
  sharedValue,
  wholeImageAgain,
} from '../formats/erofs/tiny-attacks.ts'
import { temporaryFolder } from '../support/temporary.ts'

// Images of some kilobytes whose reading took minutes, and takes a second or two. The limit of a test
// is the bound: it leaves room for a machine that does other things.

const IMAGES: Readonly<Record<string, () => Uint8Array>> = {
  'a directory that contains itself': selfContained,
  'many release files': () => manyReleaseFiles(60),
  'directories with the same names': () => sharedDirectories(2000),
  'attributes in each other': overlappingAttributes,
  'maps in each other': () => overlappingChunks(250),
  'fragments that decode a cluster for each byte': () => scatteredFragments(3000),
  'files with the same long attribute': () => sharedValue(5000, 0xf000),
  'files that are the whole image': () => wholeImageAgain(6000),
}

const READERS: Readonly<Record<string, (path: string, folder: string) => Promise<unknown>>> = {
  verify: (path) => verifyImage(path),
  inspect: (path) => inspectImage(path),
  ls: async (path) => {
    for await (const _ of listImage(path)) {
      // Reading is what is tried.
    }
  },
  unpack: (image, directory) =>
    unpackImage({ image, directory, verify: false, maximumSize: 2 ** 20 }),
}

const folder = temporaryFolder()

const cases = Object.keys(IMAGES).flatMap((image) =>
  Object.keys(READERS).map((reader) => [image, reader] as const),
)

test.each(cases)(
  '%s: %s ends soon',
  async (image, reader) => {
    const path = join(folder, 'tiny_1.sysext.raw')
    writeFileSync(path, IMAGES[image]!())
    try {
      await READERS[reader]!(path, join(folder, `${image} ${reader}`))
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error
    }
  },
  30_000,
)
