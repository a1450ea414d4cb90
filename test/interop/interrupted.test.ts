/** An image appears whole or not at all, however the run ends. */

import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { noise, writeFile, writeRelease } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const MIB = 1 << 20

describe('a build that ends early', () => {
  const folder = temporaryFolder()
  const tree = join(folder, 'tree')
  let number = 0
  let work: string

  beforeAll(() => {
    writeRelease(tree, 'sysext', 'sample')
    for (let index = 0; index < 8; index += 1) {
      writeFile(join(tree, `usr/share/${index}`), noise(32 * MIB, index))
    }
  })

  beforeEach(() => {
    number += 1
    work = join(folder, `${number}`)
    mkdirSync(work)
  })

  const build = () => ['sysext', tree, '--unsigned', '--output', join(work, 'sample.raw')]

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('by %s leaves no image', async (signal) => {
    await startAndEnd(signal)
    expect(readdirSync(work)).not.toContain('sample.raw')
    if (signal !== 'SIGKILL') expect(readdirSync(work)).toEqual([])
  })

  test('by SIGKILL leaves nothing that the next build does not remove', async () => {
    await startAndEnd('SIGKILL')
    extsign(build())
    expect(readdirSync(work)).toEqual(['sample.raw'])
    extsign(['verify', '--unsigned', join(work, 'sample.raw')])
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'by %s keeps the image it was to replace',
    async (signal) => {
      writeFileSync(join(work, 'sample.raw'), 'the old one')
      await startAndEnd(signal, ['--force'])
      expect(readFileSync(join(work, 'sample.raw'), 'utf8')).toBe('the old one')
    },
  )

  /** Starts a build, waits until it writes, and ends it. */
  async function startAndEnd(signal: NodeJS.Signals, more: readonly string[] = []): Promise<void> {
    const before = readdirSync(work)
    const child = spawn(process.execPath, [EXTSIGN, ...build(), ...more], { stdio: 'ignore' })
    const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
      child.on('close', (code, by) => resolve(by ?? code))
    })
    while (readdirSync(work).length === before.length && child.exitCode === null) {
      await setTimeout(1)
    }
    child.kill(signal)
    // Whoever was faster than the signal proves nothing.
    expect(await ended).not.toBe(0)
  }
})
