/**
 * Metadata manifest: owners, modes, attributes and capabilities that the build host cannot keep,
 * and nodes it cannot make. A strict subset of mtree(5), with two keywords of our own for
 * attributes; docs/formats/manifest.md describes it for its users.
 *
 *     #mtree
 *     ./usr/bin/ping   mode=0755 uid=0 gid=0 capability=cap_net_raw+ep
 *     ./usr/lib/x.conf xattr.user.note="hello" xattr.user.raw=0x00ff
 *     ./usr/lib/null   type=char device=linux,1,3 mode=0666
 *
 * One path a line, always from the top of the tree. Entries that are relative to the line before
 * (and end with `..`), digests, sizes and user names are refused, not ignored.
 */

import { TreeError } from '../errors.ts'
import { describePath } from './host-path.ts'
import { isDots, splitPath } from './lookup.ts'
import { KEYWORDS, type ManifestFields } from './manifest-keywords.ts'
import { decodeVis } from './vis.ts'

export interface ManifestEntry {
  /** Number of the line, from 1. */
  readonly line: number
  /** For people. */
  readonly path: string
  /** Names from the top; empty for the top itself. */
  readonly names: readonly Uint8Array[]
  readonly fields: ManifestFields
}

export interface Manifest {
  /** Name of the file, for errors. */
  readonly name: string
  readonly entries: readonly ManifestEntry[]
}

/** Only these are for more than one path. */
const SETTABLE = new Set(['type', 'mode', 'uid', 'gid', 'time'])

/**
 * Reads the text of the manifest `name`.
 *
 * @throws TreeError BAD_MANIFEST naming the line.
 */
export function parseManifest(text: string, name: string): Manifest {
  const entries: ManifestEntry[] = []
  const seen = new Map<string, number>()
  let defaults: ManifestFields = {}
  for (const { line, words } of readLines(text)) {
    try {
      const [first = '', ...rest] = words
      if (first === '/set') defaults = { ...defaults, ...parseFields(rest, SETTABLE) }
      else if (first === '/unset') defaults = unset(defaults, rest)
      else entries.push(parseEntry(line, first, { ...defaults, ...parseFields(rest) }, seen))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      throw new TreeError('BAD_MANIFEST', `${name} line ${line}: ${error.message}`)
    }
  }
  return { name, entries }
}

interface Line {
  readonly line: number
  readonly words: readonly string[]
}

/** Lines that say something; a backslash at the end continues a line. */
function* readLines(text: string): Generator<Line> {
  const lines = text.split(/\r?\n/)
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    const parts = [lines[index]!]
    while (isContinued(parts.at(-1)!) && index + 1 < lines.length) {
      parts.push(parts.pop()!.slice(0, -1), lines[++index]!)
    }
    const words = parts
      .join(' ')
      .split(/[ \t]+/)
      .filter((word) => word !== '')
    if (words.length > 0 && !words[0]!.startsWith('#')) yield { line, words }
  }
}

/** Two backslashes are an escaped one. */
function isContinued(line: string): boolean {
  return line.endsWith('\\') && !line.endsWith('\\\\')
}

function parseEntry(
  line: number,
  word: string,
  fields: ManifestFields,
  seen: Map<string, number>,
): ManifestEntry {
  if (word === '..') {
    throw new SyntaxError('relative entries are not supported: write each path from the top')
  }
  const names = splitPath(decodeVis(word))
  if (names.some((name) => isDots(name, 2) || name.includes(0))) {
    throw new SyntaxError(`${word} is not a path in the tree`)
  }
  const path = names.map(describePath).join('/') || '.'
  const key = names.map((name) => Buffer.from(name).toString('latin1')).join('/')
  const before = seen.get(key)
  if (before !== undefined) throw new SyntaxError(`${path} has been described in line ${before}`)
  seen.set(key, line)
  return { line, path, names, fields }
}

function parseFields(words: readonly string[], allowed?: ReadonlySet<string>): ManifestFields {
  let fields: ManifestFields = {}
  const seen = new Set<string>()
  for (const word of words) {
    const [, keyword = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? []
    if (seen.has(keyword)) throw new SyntaxError(`${keyword} is given twice`)
    seen.add(keyword)
    if (allowed && !allowed.has(keyword)) {
      throw new SyntaxError(`/set knows ${[...allowed].join(', ')}, not ${keyword}`)
    }
    const family = keyword.startsWith('xattr.') ? 'xattr' : keyword
    const parse = KEYWORDS.get(family)
    if (!parse) throw new SyntaxError(unknownKeyword(keyword))
    if (value === undefined) throw new SyntaxError(`${keyword} needs a value`)
    fields = { ...fields, ...parse(value, keyword, fields) }
  }
  return fields
}

function unknownKeyword(keyword: string): string {
  if (keyword === 'uname' || keyword === 'gname') {
    return `${keyword} is not supported: names differ between systems, give ${keyword[0]}id`
  }
  const known = [...KEYWORDS.keys()].map((name) => (name === 'xattr' ? 'xattr.NAME' : name))
  return `unknown keyword ${keyword}: ${known.join(', ')} are known`
}

function unset(defaults: ManifestFields, words: readonly string[]): ManifestFields {
  const rest: Record<string, unknown> = { ...defaults }
  for (const word of words) {
    if (word === 'all') return {}
    if (!SETTABLE.has(word)) throw new SyntaxError(`/unset does not know ${word}`)
    delete rest[word === 'type' ? 'kind' : word === 'time' ? 'mtime' : word]
  }
  return rest
}
