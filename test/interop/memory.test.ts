/** Memory stays flat: a tree of gigabytes builds in less than 256 MiB. */

import { appendFileSync, mkdirSync, readFileSync, rmSync, statfsSync, truncateSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { EXTSIGN } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { output } from '../support/run.ts'
import {
  noise,
  prose,
  squashfsSuperblock,
  writeFile,
  writeRelease,
} from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const MIB = 1 << 20
const GIB = 1 << 30
const LIMIT = 256 * MIB

describe.runIf(available('/usr/bin/time', 'openssl'))('resident memory', () => {
  // Tree and image together, with room to spare.
  const folder = temporaryFolder(hasRoom('/dev/shm', 12 * GIB) ? '/dev/shm' : tmpdir())
  let key: KeyFiles
  const tree = join(folder, 'tree')

  beforeAll(() => {
    key = makeKey(folder)
  })

  afterEach(() => rmSync(tree, { recursive: true, force: true }))

  test('of a build of 4 GiB is less than 256 MiB', () => {
    writeBigTree(4 * GIB)
    const peak = build('none')
    expect(peak).toBeLessThan(LIMIT)
    expect(verify()).toBeLessThan(LIMIT)
  })

  test.each(['lz4', 'zstd'])(
    'of a build compressed with %s does not grow with the tree',
    (name) => {
      writeBigTree(GIB)
      const small = build(name)
      rmSync(tree, { recursive: true })
      writeBigTree(2 * GIB)
      const large = build(name)
      expect(large).toBeLessThan(LIMIT)
      // Garbage waits for its collection, so two runs differ a little.
      expect(large).toBeLessThan(small + 32 * MIB)
      expect(verify()).toBeLessThan(LIMIT)
    },
  )

  test('of a build of a hundred thousand files is less than 256 MiB', () => {
    writeRelease(tree, 'sysext', 'big')
    for (let index = 0; index < 100_000; index += 1) {
      writeFile(join(tree, `usr/share/${index % 400}/${index}`), `${index}`)
    }
    expect(build('none')).toBeLessThan(LIMIT)
    expect(verify()).toBeLessThan(LIMIT)
  })

  test('of wrapping a file system of 4 GiB is less than 256 MiB', () => {
    const filesystem = join(folder, 'filesystem')
    writeFile(filesystem, squashfsSuperblock())
    truncateSync(filesystem, 4 * GIB)
    const options = ['--unsigned', '--force', '--output', image()]
    expect(peakOf(['wrap', filesystem, ...options])).toBeLessThan(LIMIT)
  })

  test('of measuring an initrd of 2 GiB and of signing for it is less than 256 MiB', () => {
    const initrd = join(folder, 'initrd')
    writeFile(initrd, 'cpio')
    truncateSync(initrd, 2 * GIB)
    const sections = ['--linux', initrd, '--initrd', initrd, '--private-key', key.privateKey]
    expect(peakOf(['pcr', 'sign', ...sections])).toBeLessThan(LIMIT)
  })

  /** One file of three quarters of the size, and many of a MiB. */
  function writeBigTree(size: number): void {
    writeRelease(tree, 'sysext', 'big')
    mkdirSync(join(tree, 'usr/lib/big'), { recursive: true })
    const chunk = new Uint8Array(32 * MIB)
    for (let start = 0; start < chunk.length; start += 2 * MIB) {
      chunk.set(noise(MIB, start), start)
      chunk.set(prose(MIB, start), start + MIB)
    }
    const large = (size / 4) * 3
    for (let done = 0; done < large; done += chunk.length) {
      appendFileSync(join(tree, 'usr/lib/big/large'), chunk)
    }
    for (let index = 0; index < (size - large) / MIB; index += 1) {
      const part = chunk.slice((index % 32) * MIB, ((index % 32) + 1) * MIB)
      // No two files alike, or only one of them would be stored.
      new DataView(part.buffer).setUint32(0, index)
      writeFile(join(tree, `usr/share/big/${index}`), part)
    }
  }

  function build(compression: string): number {
    const signing = ['--private-key', key.privateKey, '--certificate', key.certificate]
    const options = ['--name', 'big', '--force', '--compression', compression]
    return peakOf(['sysext', tree, '--output', image(), ...options, ...signing])
  }

  function verify(): number {
    return peakOf(['verify', image(), '--certificate', key.certificate])
  }

  function image(): string {
    return join(folder, 'big.raw')
  }

  /** The most memory `extsign` had resident, in bytes. */
  function peakOf(args: readonly string[]): number {
    const report = join(folder, 'peak')
    const time = ['--format=%M', `--output=${report}`, process.execPath, EXTSIGN]
    output(tool('/usr/bin/time'), [...time, ...args])
    return Number(readFileSync(report, 'utf8')) * 1024
  }
})

function hasRoom(folder: string, size: number): boolean {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize > size && freemem() > size
}
