import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkErofs, openErofs } from '../../src/formats/erofs/index.ts'
import { buildExtension } from '../../src/images/build.ts'
import { openImage } from '../../src/images/read/open-image.ts'
import { noise, prose, writeFile, writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const tree = join(folder, 'tree')
writeTreeOfSize(tree, 'own', 3_000_000)
for (const size of [1, 4095, 4096, 4097, 65_536, 131_072, 131_073, 262_145]) {
  writeFile(join(tree, 'usr/share/sizes', `prose-${size}`), prose(size, size))
  writeFile(join(tree, 'usr/share/sizes', `noise-${size}`), noise(size, size))
}
for (let index = 0; index < 500; index++) {
  writeFile(join(tree, 'usr/share/many', `${'long-'.repeat(10)}${index}`), `${index}`)
}
writeFile(join(tree, 'usr/share/zeros'), new Uint8Array(1_000_000))
writeFile(join(tree, 'usr/share/twice'), noise(70_000, 5))
writeFile(join(tree, 'usr/share/twice-again'), noise(70_000, 5))
symlinkSync('x'.repeat(4000), join(tree, 'usr/share/long-link'))

const MANIFEST = {
  path: 'metadata',
  text: [
    '#mtree',
    './usr/share/zeros uid=70000 mode=4755 xattr.user.note=0x6f6e65',
    './usr/share/twice xattr.user.note=0x6f6e65',
    './usr/share/long-link uid=5 xattr.security.label=0x00',
    './usr/share/many xattr.user.note=0x6f6e65',
    './usr/share/sizes xattr.user.note=0x6f6e65',
    './usr/lib/null type=char device=linux,1,3 mode=0666',
  ].join('\n'),
}

const cases = [
  ['none', undefined, 0],
  ['lz4', undefined, 0],
  ['zstd', undefined, 2_000_000_000],
  ['none', MANIFEST, 0],
  ['lz4', MANIFEST, 2_000_000_000],
] as const

test.each(cases)('nothing is wrong in what we write (%s)', async (algorithm, manifest, time) => {
  const output = join(folder, 'own.raw')
  await buildExtension({
    kind: 'sysext',
    tree,
    output,
    name: 'own',
    force: true,
    sourceDateEpoch: time,
    compression: { algorithm },
    preserveOwner: manifest !== undefined,
    threads: 0,
    ...(manifest && { manifest }),
  })
  const image = await openImage(output)
  try {
    const { source } = image.data!
    expect(await checkErofs(source)).toEqual([])
    const erofs = await openErofs(source)
    expect(erofs.superblock.featureIncompat).toBe(algorithm === 'none' ? 0 : 3)
  } finally {
    await image.close()
  }
})
