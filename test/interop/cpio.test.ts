/** The archives of credentials and extensions beside a UKI, against GNU cpio. */

import { chmodSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type ExtraTarget, encodeExtraArchive } from '../../src/formats/cpio/extra-archive.ts'
import { output, run } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const FILES = { 'A.cred': 'AAAA', 'b.cred': 'hello world!\n', 'empty.cred': '' }

/** Fields that depend on the file system, or that systemd fills in as it likes: inode, links. */
const FREE = [0, 4]

describe.runIf(available('root', 'cpio')).each([
  ['credentials', 0o500, 0o400],
  ['global_confext', 0o555, 0o444],
] as const)('%s', (target: ExtraTarget, folderMode, fileMode) => {
  const folder = temporaryFolder()
  const ours = join(folder, 'ours.cpio')
  const names = [
    '.extra',
    `.extra/${target}`,
    ...Object.keys(FILES).map((name) => `.extra/${target}/${name}`),
  ]

  beforeAll(async () => {
    const files = Object.entries(FILES).map(([name, text]) => ({
      name,
      size: text.length,
      async *read() {
        yield Buffer.from(text)
      },
    }))
    const parts: Uint8Array[] = []
    for await (const part of encodeExtraArchive(target, files)) parts.push(part)
    writeFileSync(ours, Buffer.concat(parts))
  })

  test('GNU cpio unpacks the archive', () => {
    const into = join(folder, 'unpacked')
    mkdirSync(into)
    const { stderr } = run('sh', ['-c', `${tool('cpio')} -id --quiet < ${ours}`], { cwd: into })
    expect(stderr).toBe('')
    for (const [name, text] of Object.entries(FILES)) {
      expect(readFileSync(join(into, '.extra', target, name), 'utf8')).toBe(text)
    }
    expect(statSync(join(into, '.extra')).mode & 0o7777).toBe(0o555)
    expect(statSync(join(into, '.extra', target)).mode & 0o7777).toBe(folderMode)
    expect(statSync(join(into, '.extra', target, 'b.cred')).mode & 0o7777).toBe(fileMode)
  })

  test('GNU cpio makes the same of the same files', () => {
    const tree = join(folder, 'tree')
    mkdirSync(join(tree, '.extra', target), { recursive: true })
    for (const [name, text] of Object.entries(FILES)) {
      writeFileSync(join(tree, '.extra', target, name), text)
      chmodSync(join(tree, '.extra', target, name), fileMode)
    }
    chmodSync(join(tree, '.extra', target), folderMode)
    chmodSync(join(tree, '.extra'), 0o555)
    for (const name of names) utimesSync(join(tree, name), 0, 0)
    const theirs = join(folder, 'theirs.cpio')
    const pack = `${tool('cpio')} -o -H newc --reproducible --quiet > ${theirs}`
    output('sh', ['-c', pack], { cwd: tree, input: `${names.join('\n')}\n` })
    expect(entriesOf(readFileSync(ours))).toEqual(entriesOf(readFileSync(theirs)))
  })
})

/** Name, fields and content of each entry; what may be as it likes is left out. */
function entriesOf(archive: Buffer) {
  const align = (offset: number) => Math.ceil(offset / 4) * 4
  const entries: string[] = []
  for (let at = 0; ; ) {
    const header = archive.toString('latin1', at, at + 110).toLowerCase()
    const fields = Array.from({ length: 13 }, (_, index) =>
      header.slice(6 + 8 * index, 14 + 8 * index),
    )
    const size = Number.parseInt(fields[6]!, 16)
    const nameEnd = at + 110 + Number.parseInt(fields[11]!, 16)
    const name = archive.toString('latin1', at + 110, nameEnd - 1)
    const content = archive.toString('hex', align(nameEnd), align(nameEnd) + size)
    const fixed = fields.filter((_, index) => !FREE.includes(index))
    entries.push(`${name} ${header.slice(0, 6)} ${fixed.join(' ')} ${content}`)
    if (name === 'TRAILER!!!') return entries
    at = align(align(nameEnd) + size)
  }
}
