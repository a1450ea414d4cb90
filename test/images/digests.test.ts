/**
 * The bytes we promised. A digest here changes only in a commit that says *format* in its subject,
 * with a line in the CHANGELOG.
 */

import { createHash } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildExtension } from '../../src/images/build.ts'
import type { BuildOptions, Signing } from '../../src/images/options.ts'
import { wrapFilesystem } from '../../src/images/wrap.ts'
import { fileSigner } from '../../src/keys/file-signer.ts'
import { noise, prose, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const KEYS = join(import.meta.dirname, '../vectors/keys')
const SEED = '00112233-4455-6677-8899-aabbccddeeff'

/** Everything a build can read from a folder, and what only a manifest can say. */
const MANIFEST = `#mtree
./usr/bin/ping    mode=0755 uid=1000 gid=70000 capability=cap_net_raw+ep time=1234567890.123456789
./usr/lib/note    xattr.user.note="hello" xattr.security.selinux=0x00ff
./usr/lib/note-2  xattr.user.note="hello"
./opt/null        type=char device=linux,1,3 mode=0666
./opt/pipe        type=fifo mode=0600
`

const CASES: readonly (readonly [string, string, Partial<BuildOptions>])[] = [
  [
    'nothing but a release file',
    '8c1c9ec4509c4742cb6636dafd237759ba98c035a7894d6b017ceff3ad3786ca',
    { tree: 'tiny' },
  ],
  [
    'nothing but a release file, as a confext',
    '5771fe991fc9f3553a2a63e5ef4f69d50de4b1a63f38bc86c266d29ae67b6586',
    { tree: 'tiny-confext', kind: 'confext' },
  ],
  [
    'a small tree',
    'ac550ad6aeed0241ab1059d24958922ee403d8e88ae940dcf9884a2005c90017',
    { tree: 'small' },
  ],
  [
    'a small tree, sectors of 4096 bytes',
    '96259c1d56e12b27c0bd0d4ce67d519c3fdd23664e10e1167b48c28bbc8dc6b0',
    { tree: 'small', sectorSize: 4096 },
  ],
  [
    'a small tree, for another architecture',
    'afd0318da77eccb5a166d7b5e5f5c70535eec078ca441c63ba7a8454fb2a1369',
    { tree: 'small', architecture: 'arm64' },
  ],
  [
    'a small tree, seed from name and version',
    'a43e85c10e8c63de8980597d95e42adf177438ceb6b04b5d6dfedccae7420ffe',
    { tree: 'small', version: '1.2' },
  ],
  [
    'a small tree, later times',
    '5d4ef9ce25b350387921abc135d9acfe7b25bc97edd2c3ea2ccb044cf637f35f',
    { tree: 'small', sourceDateEpoch: 1_700_000_000 },
  ],
  [
    'a small tree, LZ4',
    'fcecf05ddbb2d44d4a5411a7fa84b15586ddcf9ed7d64c46eb23fba1af016ad8',
    { tree: 'small', compression: { algorithm: 'lz4' } },
  ],
  [
    'a small tree, zstd',
    'b108c7d16c10b25d0295bca4926e05c35122546b8f3ef4fd828a4316d6c651b5',
    { tree: 'small', compression: { algorithm: 'zstd' } },
  ],
  [
    'a small tree, zstd 19',
    'fdfd0821b3cd0a5e76b7d67b7d61d75e55d516ecc358308245f6e154dfd20c28',
    { tree: 'small', compression: { algorithm: 'zstd', level: 19 } },
  ],
  [
    'a large tree',
    '0fa33cdda7e90b4c4f8fc1f447d06023e871331f8f5100efaf7339bcd24b1551',
    { tree: 'large' },
  ],
  [
    'a large tree, LZ4',
    'c1a5ff9faec9baa422d388193ba028ed2be72012008ee0e69378777a0f638302',
    { tree: 'large', compression: { algorithm: 'lz4' } },
  ],
  [
    'a large tree, zstd',
    'aa9918184592aceeb005ea8f571a856576ed14d2c67976c691aa66b0a3306239',
    { tree: 'large', compression: { algorithm: 'zstd' } },
  ],
]

describe('the SHA-256 of an image of', () => {
  const folder = temporaryFolder()
  let signing: Signing

  beforeAll(async () => {
    writeSmallTree(join(folder, 'small'))
    writeSmallTree(join(folder, 'large'))
    writeFile(join(folder, 'large/usr/share/noise'), noise(3_000_000))
    writeFile(join(folder, 'large/usr/share/prose'), prose(3_000_000))
    mkdirSync(join(folder, 'tiny/usr'), { recursive: true })
    mkdirSync(join(folder, 'tiny-confext/etc'), { recursive: true })
    makePlain(folder)
    const files = ['key', 'crt'].map((suffix) => join(KEYS, `rsa2048.TEST-DO-NOT-USE.${suffix}`))
    const signer = await fileSigner({ privateKey: files[0]!, certificate: files[1]! })
    signing = { signer, certificate: signer.certificate.der }
  })

  test.each(CASES)('%s', async (_, digest, { tree, ...options }) => {
    const output = join(folder, 'sample.raw')
    const manifest = { path: 'manifest', text: MANIFEST }
    await buildExtension({
      ...{ kind: 'sysext', name: 'sample', tree: join(folder, tree!), output, signing, threads: 0 },
      release: { id: 'debian', versionId: '13' },
      ...(options.version ? {} : { seed: SEED }),
      ...(tree === 'small' ? { manifest } : {}),
      force: true,
      ...options,
    })
    expect(digestOf(output)).toBe(digest)
  })

  test('a wrapped file system', async () => {
    const filesystem = join(folder, 'filesystem')
    const bytes = noise(100 * 4096)
    bytes.set(new TextEncoder().encode('hsqs'))
    new DataView(bytes.buffer).setBigUint64(40, BigInt(bytes.length), true)
    writeFile(filesystem, bytes)
    const output = join(folder, 'wrapped.raw')
    await wrapFilesystem({ filesystem, output, seed: SEED, signing, threads: 0 })
    expect(digestOf(output)).toBe(
      '12bbb39c545ac3744c229f599204fab1355e946b51edbc10630532b47bcdd80f',
    )
  })
})

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Gives all folders the mode that the usual umask leaves. */
function makePlain(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) makePlain(join(folder, entry.name))
  }
}

function writeSmallTree(tree: string): void {
  writeFile(join(tree, 'usr/bin/ping'), '#!/bin/sh\n', 0o755)
  writeFile(join(tree, 'usr/bin/set-uid'), 'x', 0o4755)
  for (const size of [0, 1, 2000, 4095, 4096, 4097, 100_000, 200_000]) {
    writeFile(join(tree, `usr/lib/noise-${size}`), noise(size, size + 1))
    writeFile(join(tree, `usr/lib/prose-${size}`), prose(size, size + 1))
  }
  writeFile(join(tree, 'usr/lib/note'), 'note')
  writeFile(join(tree, 'usr/lib/note-2'), 'note')
  writeFile(join(tree, 'usr/lib/copy'), noise(100_000, 100_001))
  for (let index = 0; index < 300; index += 1) {
    writeFile(join(tree, `usr/share/many/file-${index}`), `${index}`)
  }
  mkdirSync(join(tree, 'opt'))
  linkSync(join(tree, 'usr/lib/note'), join(tree, 'opt/linked'))
  symlinkSync('../usr/lib/note', join(tree, 'opt/relative'))
  symlinkSync('/nowhere/'.repeat(300), join(tree, 'opt/long'))
}
