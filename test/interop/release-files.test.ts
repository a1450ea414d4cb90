import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KINDS } from '../../src/formats/release/kind.ts'
import { ENV_FILE_CASES } from '../support/env-file-cases.ts'
import { type MergeCase, readMergeCases } from '../support/merge-decisions.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

// Merges into a copy in memory, which an overlay can be stacked on. What systemd mounts is gone with
// its own process, so the log has to say what it did.
const MERGE = `
cd "$1"
mount -t tmpfs tmpfs /mnt
for case in */; do
  cp -a "$case." /mnt/root
  . "\${case}merge.sh"
  rm -rf /mnt/root /run/systemd
done
`

const DISSECT = `
for image in "$1"/*.raw; do
  systemd-dissect --json=short "$image"
  echo
done
`

describe.each(GENERATIONS)('%s', (_, tree) => {
  test.runIf(available('root', 'unshare', `tree:${tree}`))(
    'merges exactly what the table says',
    () => {
      const folder = temporaryFolder()
      const cases = readMergeCases()
      for (const [index, entry] of cases.entries()) writeRoot(join(folder, caseName(index)), entry)
      const log = outputInTree(tree, folder, 'sh', ['-c', MERGE, 'sh', folder])
      const merged = cases.map((_, index) => log.includes(`${caseName(index)}: Merged extensions`))
      // Late releases of 257 look at ID_LIKE too, as Debian 13 has it.
      expect(cases.map(({ name }, index) => [name, merged[index]])).toEqual(
        cases.map(({ name, expect: verdict }) => [name, verdict.merges]),
      )
    },
  )

  test.runIf(available('root', 'unshare', 'mksquashfs', `tree:${tree}`))(
    'reads what we read from a release file',
    () => {
      const folder = temporaryFolder()
      for (const [index, [, text]] of ENV_FILE_CASES.entries()) {
        const source = join(folder, caseName(index))
        const directory = join(source, KINDS.sysext.releaseDirectory)
        mkdirSync(directory, { recursive: true })
        writeFileSync(join(directory, `extension-release.${caseName(index)}`), text)
        const image = `${source}.raw`
        output(tool('mksquashfs'), [source, image, '-quiet', '-no-progress', '-all-root'])
      }
      const documents = outputInTree(tree, folder, 'sh', ['-c', DISSECT, 'sh', folder])
      const read = documents
        .trim()
        .split(/\n+/)
        .map((line) => JSON.parse(line).sysextRelease ?? [])
      expect(ENV_FILE_CASES.map(([name], index) => [name, read[index]])).toEqual(
        ENV_FILE_CASES.map(([name, , fields]) => [
          name,
          fields.map(([key, value]) => `${key}=${value}`),
        ]),
      )
    },
  )
})

/** A name that sorts like its number. */
function caseName(index: number): string {
  return `case${String(index).padStart(3, '0')}`
}

/** A root folder with the host's and the extension's files, and the command that merges them. */
function writeRoot(folder: string, { kind, scope, host, extension }: MergeCase): void {
  const images = kind === 'sysext' ? 'extensions' : 'confexts'
  const release = join(folder, 'var/lib', images, 'foo', KINDS[kind].releaseDirectory)
  for (const directory of ['etc', 'usr/lib', 'opt', 'run', 'tmp']) {
    mkdirSync(join(folder, directory), { recursive: true })
  }
  mkdirSync(release, { recursive: true })
  writeFileSync(join(folder, 'etc/os-release'), host)
  writeFileSync(join(release, 'extension-release.foo'), extension)
  // 257 asks whether it runs in an initrd itself, 262 whether the root is one.
  const initrd = scope === 'initrd' ? 'SYSTEMD_IN_INITRD=1' : ''
  if (initrd) writeFileSync(join(folder, 'etc/initrd-release'), host)
  writeFileSync(
    join(folder, 'merge.sh'),
    `SYSTEMD_LOG_LEVEL=debug ${initrd} systemd-${kind} --root=/mnt/root merge 2>&1 | sed "s|^|\${case%/}: |"\n`,
  )
}
