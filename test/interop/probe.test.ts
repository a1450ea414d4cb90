/** What libblkid takes bytes for, as `blkid` of both generations says it. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openFileSource } from '../../src/files/file-source.ts'
import { type Probe, probe } from '../../src/formats/probe/index.ts'
import { readVector } from '../formats/erofs/vectors.ts'
import {
  CONTENT_LOOKALIKES,
  CONTENT_MAGICS,
  CONTENT_SAMPLES,
  type ContentSample,
} from '../support/content-samples.ts'
import { outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const FLOPPY = 1440 * 1024
/** Type by the name of the sample; Minix is one only beside EROFS. */
const WHOLE = new Map(
  CONTENT_SAMPLES.filter(({ name }) => !name.startsWith('minix')).map(({ name }) => {
    return [name.replaceAll(' ', '-'), name.split(' ', 1).join('')]
  }),
)

/** Asks about every file at once, one line each. Where the answer is ambivalent, there is none. */
const ASK = `for file in "$1"/*; do
  echo "\${file##*/} $(blkid -p -o value -s TYPE "$file")"
done`

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('libblkid', () => {
  const folder = temporaryFolder()
  const files = join(folder, 'files')
  const cases = [...CONTENT_SAMPLES, ...CONTENT_MAGICS, ...CONTENT_LOOKALIKES].flatMap((sample) => [
    ...(sample.size === undefined || sample.size <= FLOPPY ? [{ ...sample, of: 'few' }] : []),
    { ...sample, size: Math.max(sample.size ?? 0, 2 * 1024 * 1024), of: 'many' },
  ])

  test('is what we predict', async () => {
    mkdirSync(files)
    const predicted = new Map<string, Probe>()
    for (const base of ['erofs', 'zeros']) {
      for (const sample of cases) {
        const name = `${sample.name},${base},${sample.of}`.replaceAll(' ', '-')
        writeSample(join(files, name), base, sample)
        const source = await openFileSource(join(files, name))
        predicted.set(name, await probe(source, true))
        await source.close()
      }
    }
    const answers = ['trixie', 'sid'].map((tree) => ask(tree as 'trixie' | 'sid'))
    const wrong: string[] = []
    for (const [name, { verdict, certain, types }] of predicted) {
      const said = answers.map((each) => each.get(name))
      const ours = verdict.kind === 'type' ? verdict.type.name : 'nothing'
      const isOurs = said.includes(ours)
      const others = types.map(({ name }) => name)
      if (!isOurs && certain) {
        wrong.push(`${name}: ${said.join(' and ')}, and not ${ours} (${others})`)
      }
      // Alone, the bytes are what they are meant to be.
      const meant = WHOLE.get(name.split(',', 1).join(''))
      if (name.includes(',zeros,') && meant && !said.includes(meant)) {
        wrong.push(`${name}: ${said.join(' and ')}, and not ${meant}`)
      }
    }
    expect(wrong).toEqual([])
    expect(predicted.size).toBeGreaterThan(250)
  })

  function ask(tree: 'trixie' | 'sid'): Map<string, string> {
    const output = outputInTree(tree, folder, 'sh', ['-c', ASK, 'sh', files])
    return new Map(
      output
        .trimEnd()
        .split('\n')
        .map((line) => {
          const [name = '', type = ''] = line.split(' ')
          return [name, type || 'nothing']
        }),
    )
  }
})

function writeSample(path: string, base: string, { size = 65536, put }: ContentSample): void {
  const bytes = Buffer.alloc(Math.max(65536, size))
  if (base === 'erofs') bytes.set(readVector('plain').subarray(0, 4096))
  put(bytes)
  if (base === 'erofs') bytes.writeUInt32LE(0, 1024 + 8)
  if (base === 'erofs') bytes.writeUInt32LE(0xe0f5e1e2, 1024)
  writeFileSync(path, bytes)
}
