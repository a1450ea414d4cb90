/** What `sysext`, `confext` and `wrap` say when they are done. */

import { KINDS } from '../formats/release/kind.ts'
import type { BuildResult, ImageResult } from '../images/options.ts'
import type { Context } from './context.ts'
import { formatPairs, formatSize, paint, printable } from './terminal.ts'

type Row = readonly [label: string, value: string]

/** One line, then the facts somebody needs next: hash, level and where it came from, names. */
export function formatBuildResult(result: BuildResult, context: Context): string {
  const { kind, files, contentSize } = result
  const title = kind === 'sysext' ? 'system extension' : 'configuration extension'
  const release = result.release.map(({ key, value }) => `${key}=${value}`).join(' ')
  return `${headline(result, title, context)}${formatPairs([
    ['root hash', result.rootHash],
    ['contents', `${files} files and folders, ${formatSize(contentSize)}`],
    ['release', printable(release)],
    ...levelRow(result),
    ...commonRows(result),
    ...namesRows(result),
    ...(result.xattrs.read ? [] : [['xattrs', `not read: ${result.xattrs.reason}`] as const]),
  ])}`
}

function levelRow({ kind, release }: BuildResult): Row[] {
  const level = release.find(({ key }) => key === `${KINDS[kind].prefix}_LEVEL`)
  if (level === undefined) return []
  const source = SOURCES.get(level.source) ?? level.source
  return [['level', printable(`${level.value}, from ${source}`)]]
}

/** The library's names of sources in the words of the command line. */
const SOURCES: ReadonlyMap<string, string> = new Map([
  ['option', '--level'],
  ['os-release', '--os-release'],
  ['tree', "the tree's extension-release"],
])

/** File names under which the image loads, by the first systemd that knows them. */
function namesRows({ loadsAs }: BuildResult): Row[] {
  const versions = [...new Set(loadsAs.map(({ since }) => since))]
  return versions.flatMap((version, index) => {
    const files = loadsAs.filter(({ since }) => since === version).map(({ file }) => file)
    return wrapWords([`systemd ${version}:`, ...files.map((file) => printable(file))]).map(
      (line, number): Row => [index + number === 0 ? 'loads as' : '', line],
    )
  })
}

/** Lines of about 72 characters; all but the first are indented. */
function wrapWords(words: readonly string[]): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words) {
    if (line !== '' && line.length + word.length > 72) {
      lines.push(line)
      line = ' '
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

export function formatWrapResult(result: ImageResult, context: Context): string {
  const rows: Row[] = [['root hash', result.rootHash], ...commonRows(result)]
  return `${headline(result, 'image', context)}${formatPairs(rows)}`
}

function headline(result: ImageResult, kind: string, context: Context): string {
  const name = paint(context, context.stdout, 'bold', printable(result.output))
  const size = `${formatSize(result.size)}, of which ${formatSize(result.filesystemSize)} file system`
  return `${name}: ${result.signed ? 'signed' : 'unsigned'} ${kind}, ${size}\n`
}

function commonRows({ signed, certificateFingerprint, sidecars }: ImageResult): Row[] {
  const rows: Row[] = []
  if (!signed) rows.push(['signed by', 'nobody; strict image policies refuse the image'])
  if (certificateFingerprint !== undefined) {
    rows.push(['signed by', `certificate with SHA-256 ${certificateFingerprint}`])
  }
  if (sidecars.length > 0) rows.push(['sidecars', printable(sidecars.join(', '))])
  return rows
}
