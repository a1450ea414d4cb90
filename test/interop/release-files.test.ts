import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadsAs } from '../../src/formats/release/file-names.ts'
import type { ReleaseDirectoryEntry } from '../../src/formats/release/find-release-file.ts'
import { type ExtensionKind, KINDS } from '../../src/formats/release/kind.ts'
import { ENV_FILE_CASES } from '../support/env-file-cases.ts'
import { type MergeCase, readMergeCases } from '../support/merge-decisions.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { FOUND_CASES, MISSING_CASES, type ReleaseFileCase } from '../support/release-file-cases.ts'
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

/** File names under which an image with `extension-release.foo` is not found. */
const UNLOADABLE = ['foo-1.2.raw', 'foo.img', '_foo.raw', 'bar_foo.raw']
/** 257 takes this too, where it lies among system extensions. */
const OTHER_KIND = 'foo.confext.raw'

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

  test.runIf(available('root', 'unshare', 'setfattr', `tree:${tree}`))(
    'finds the same release file, or none',
    () => {
      // A dangling symlink counts as one that is not there, which only a file system can show.
      const folder = temporaryFolder()
      const cases = [...FOUND_CASES, ...MISSING_CASES]
      for (const [index, entry] of cases.entries()) {
        writeLookup(join(folder, caseName(index)), entry)
      }
      const log = outputInTree(tree, folder, 'sh', ['-c', MERGE, 'sh', folder])
      const merged = cases.map((_, index) => log.includes(`${caseName(index)}: Merged extensions`))
      expect(cases.map(([name], index) => [name, merged[index]])).toEqual(
        cases.map((entry) => [entry[0], FOUND_CASES.includes(entry)]),
      )
    },
  )

  test.runIf(available('root', 'unshare', 'mksquashfs', `tree:${tree}`))(
    'loads images under the file names we say, and under no others',
    () => {
      const folder = temporaryFolder()
      const image = join(temporaryFolder(), 'foo')
      writeImage(image, 'foo', 'ID=_any\n')
      const files = [...loadsAs('sysext', 'foo').map(({ file }) => file), ...UNLOADABLE, OTHER_KIND]
      for (const [index, file] of files.entries()) {
        const root = join(folder, caseName(index))
        makeRoot(root, 'sysext', 'empty', 'ID=debian\n')
        const path = join(root, 'var/lib/extensions', file)
        mkdirSync(dirname(path), { recursive: true })
        copyFileSync(`${image}.raw`, path)
        writeMerge(root, 'sysext', '')
      }
      const log = outputInTree(tree, folder, 'sh', ['-c', MERGE, 'sh', folder])
      const merged = files.filter((_, index) => log.includes(`${caseName(index)}: Merged ext`))
      const expected = files.filter((file) => !UNLOADABLE.includes(file))
      expect(merged).toEqual(expected.filter((file) => tree === 'trixie' || file !== OTHER_KIND))
    },
  )

  test.runIf(available('root', 'unshare', 'mksquashfs', `tree:${tree}`))(
    'reads what we read from a release file',
    () => {
      const folder = temporaryFolder()
      for (const [index, [, text]] of ENV_FILE_CASES.entries()) {
        writeImage(join(folder, caseName(index)), caseName(index), text)
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

/** An image of a sysext with this release file, `path` with `.raw` behind it. */
function writeImage(path: string, name: string, release: string): void {
  const directory = join(path, KINDS.sysext.releaseDirectory)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, `extension-release.${name}`), release)
  output(tool('mksquashfs'), [path, `${path}.raw`, '-quiet', '-no-progress', '-all-root'])
}

/** A name that sorts like its number. */
function caseName(index: number): string {
  return `case${String(index).padStart(3, '0')}`
}

/** A root folder with the host's and the extension's files, and the command that merges them. */
function writeRoot(folder: string, { kind, scope, host, extension }: MergeCase): void {
  const release = makeRoot(folder, kind, 'foo', host)
  writeFileSync(join(release, 'extension-release.foo'), extension)
  // 257 asks whether it runs in an initrd itself, 262 whether the root is one.
  const initrd = scope === 'initrd'
  if (initrd) writeFileSync(join(folder, 'etc/initrd-release'), host)
  writeMerge(folder, kind, initrd ? 'SYSTEMD_IN_INITRD=1' : '')
}

/** The same with a release directory that holds these entries, each of which fits the host. */
function writeLookup(folder: string, [, image, entries]: ReleaseFileCase): void {
  const release = makeRoot(folder, 'sysext', image, 'ID=debian\n')
  for (const { name, kind, target, strict } of entries) {
    const path = join(release, name)
    if (kind === 'other') mkdirSync(path)
    else if (kind === 'file') writeFileSync(path, 'ID=_any\n')
    else symlinkSync(writeTarget(release, target), path)
    if (strict)
      output(tool('setfattr'), ['-n', 'user.extension-release.strict', '-v', strict, path])
  }
  writeMerge(folder, 'sysext', '')
}

/** Something a symlink can lead to, and its path. */
function writeTarget(folder: string, target: ReleaseDirectoryEntry['target']): string {
  if (target === 'file') writeFileSync(join(folder, 'target'), 'ID=_any\n')
  if (target === 'other') mkdirSync(join(folder, 'target'))
  return 'target'
}

/** A root with an extension that is a directory, and the path of its release directory. */
function makeRoot(folder: string, kind: ExtensionKind, image: string, host: string): string {
  const images = kind === 'sysext' ? 'extensions' : 'confexts'
  const release = join(folder, 'var/lib', images, image, KINDS[kind].releaseDirectory)
  for (const directory of ['etc', 'usr/lib', 'opt', 'run', 'tmp']) {
    mkdirSync(join(folder, directory), { recursive: true })
  }
  mkdirSync(release, { recursive: true })
  writeFileSync(join(folder, 'etc/os-release'), host)
  return release
}

function writeMerge(folder: string, kind: ExtensionKind, environment: string): void {
  writeFileSync(
    join(folder, 'merge.sh'),
    `SYSTEMD_LOG_LEVEL=debug ${environment} systemd-${kind} --root=/mnt/root merge 2>&1 | sed "s|^|\${case%/}: |"\n`,
  )
}
