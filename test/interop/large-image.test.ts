/** Images so large that their hash tree does not fit into one step of anything. */

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { verifyImage } from '../../src/images/verify.ts'
import { wrapFilesystem } from '../../src/images/wrap.ts'
import { output } from '../support/run.ts'
import { noise, squashfsSuperblock, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const MIB = 1 << 20

describe.runIf(available('veritysetup'))('an image of more than 512 MiB', () => {
  const folder = temporaryFolder()

  // The lowest level is 4 MiB here, the unit in which it is moved.
  test('has the hash tree that veritysetup computes', async () => {
    const filesystem = join(folder, 'large.squashfs')
    const start = noise(64 * MIB)
    start.set(squashfsSuperblock())
    writeFile(filesystem, start)
    for (let seed = 2; seed <= 9; seed += 1) appendFileSync(filesystem, noise(64 * MIB, seed))
    const path = join(folder, 'large.raw')
    const image = await wrapFilesystem({ filesystem, output: path, threads: 0 })
    const [, hash] = image.partitions
    const where = `--hash-offset=${hash!.offset}`
    output(tool('veritysetup'), ['verify', where, filesystem, path, image.rootHash])

    const { findings, rootHash } = await verifyImage(path, { threads: 0 })
    expect(findings.filter((finding) => !finding.ok && !finding.unproven)).toEqual([])
    expect(rootHash).toBe(image.rootHash)
  })
})
