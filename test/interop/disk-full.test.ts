/** A file system that ends before the output does. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createOutput } from '../../src/files/output.ts'
import { runExtsign } from '../support/extsign.ts'
import { output as run } from '../support/run.ts'
import { noise, writeFile, writeRelease } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const MIB = 1 << 20

describe.runIf(available('root'))('a full disk', () => {
  const folder = temporaryFolder()
  const disk = join(folder, 'disk')
  const tree = join(folder, 'tree')
  const path = join(disk, 'hello.raw')
  let isMounted = false

  beforeAll(() => {
    writeRelease(tree, 'sysext', 'hello')
    writeFile(join(tree, 'usr/share/large'), noise(8 * MIB))
    mkdirSync(disk)
    run(tool('mount'), ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
    isMounted = true
  })
  beforeEach(() => writeFileSync(join(disk, 'other'), 'kept'))
  afterAll(() => {
    if (isMounted) run(tool('umount'), [disk])
  })

  test('is an error that says how much was needed and how much there is', async () => {
    const output = await createOutput(path)
    await output.write(noise(2 * MIB), 0)
    await expect(output.write(noise(4 * MIB), 2 * MIB)).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringMatching(
        `^cannot write ${path}: no space left on the device, at least ${6 * MIB} bytes needed, \\d+ free$`,
      ),
    })
    await output.abort()
    expect(readdirSync(disk)).toEqual(['other'])
  })

  test('leaves a build without output', () => {
    expect(build([])).toEqual({ status: 1, stdout: '' })
    expect(readdirSync(disk)).toEqual(['other'])
  })

  test('leaves the old file where it was to be replaced', () => {
    writeFileSync(path, 'old')
    expect(build(['--force'])).toEqual({ status: 1, stdout: '' })
    expect(readdirSync(disk)).toEqual(['hello.raw', 'other'])
    expect(readFileSync(path, 'utf8')).toBe('old')
  })

  function build(options: readonly string[]) {
    const args = ['sysext', tree, '--unsigned', '--name', 'hello', '--output', path, ...options]
    const { status, stdout, stderr } = runExtsign(args)
    expect(stderr).toContain(`extsign: error: cannot write ${path}: no space left on the device`)
    return { status, stdout }
  }
})
