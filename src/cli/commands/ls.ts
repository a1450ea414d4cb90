/** `extsign ls IMAGE [PATH]`. */

import { type ListedEntry, listImage } from '../../images/list.ts'
import { flag, optionalPositional, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Output } from '../context.ts'
import { blame, ExitCode } from '../errors.ts'
import { formatJsonLine } from '../json.ts'
import { printable } from '../terminal.ts'
import { file, named, text } from '../types.ts'

export const ls = defineCommand({
  name: 'ls',
  description:
    'Lists the files in an image, directories before what is in them, a path a line. Nothing is verified; extsign verify does that.',
  arguments: {
    image: positional({ type: named('IMAGE', file), description: 'the image' }),
    path: optionalPositional({
      type: text('PATH'),
      description: 'list what is there and below; by default everything',
    }),
    long: flag({
      long: 'long',
      short: 'l',
      description: 'with type, mode, owner, size and time',
    }),
    children: flag({
      long: 'children',
      description: 'only what is directly in PATH, not what is below it',
    }),
    json: flag({ long: 'json', description: 'print the entries as JSON' }),
  },
  examples: ['extsign ls hello.sysext.raw', 'extsign ls -l hello.sysext.raw usr/bin'],
  async run({ image, path, long, children, json }, { stdout }) {
    const entries = listImage(image, { recursive: !children, ...(path !== undefined && { path }) })
    const format = long ? formatLong : ({ path: name }: ListedEntry) => printable(name)
    const written = json ? writeJson(entries, stdout) : writeLines(entries, format, stdout)
    await written.catch(blame(image))
    return ExitCode.done
  },
})

/** Text is written in pieces of about this many characters: an image may have a million files. */
const PIECE = 64 * 1024

async function writeLines(
  entries: AsyncIterable<ListedEntry>,
  format: (entry: ListedEntry) => string,
  stdout: Output,
): Promise<void> {
  let piece = ''
  for await (const entry of entries) {
    piece += `${format(entry)}\n`
    if (piece.length < PIECE) continue
    await stdout.deliver(piece)
    piece = ''
  }
  await stdout.deliver(piece)
}

/** One array, an entry a line; a failure in the middle leaves it open, so that nobody takes it for whole. */
async function writeJson(entries: AsyncIterable<ListedEntry>, stdout: Output): Promise<void> {
  let piece = '['
  let separator = '\n'
  for await (const entry of entries) {
    piece += `${separator}  ${formatJsonLine(entry)}`
    separator = ',\n'
    if (piece.length < PIECE) continue
    await stdout.deliver(piece)
    piece = ''
  }
  await stdout.deliver(`${piece}\n]\n`)
}

const LETTERS: Readonly<Record<ListedEntry['kind'], string>> = {
  directory: 'd',
  file: '-',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
  socket: 's',
}

/** `-rwxr-xr-x 0/0      31 2026-11-20 12:00:00 usr/bin/hello`, times in UTC. */
function formatLong(entry: ListedEntry): string {
  const { kind, mode, uid, gid, size, device, path, target, xattrs } = entry
  const extent = device ? `${device.major},${device.minor}` : `${size}`
  const type = `${LETTERS[kind]}${formatMode(mode)}${xattrs.length > 0 ? '+' : ' '}`
  const owner = `${uid}/${gid}`
  const link = target === undefined ? '' : ` -> ${target}`
  return printable(
    `${type} ${owner.padEnd(5)} ${extent.padStart(10)} ${formatTime(entry)} ${path}${link}`,
  )
}

/** `rwxr-sr-t`. */
function formatMode(mode: number): string {
  const triplet = (bits: number, special: boolean, letter: string) => {
    const execute = bits & 1 ? 'x' : '-'
    const last = special ? (bits & 1 ? letter : letter.toUpperCase()) : execute
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`
  }
  return (
    triplet(mode >> 6, (mode & 0o4000) !== 0, 's') +
    triplet(mode >> 3, (mode & 0o2000) !== 0, 's') +
    triplet(mode, (mode & 0o1000) !== 0, 't')
  )
}

/** Seconds beyond what a Date can hold are shown as they are. */
function formatTime({ mtime: { seconds } }: ListedEntry): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime())
    ? `@${seconds}`
    : date.toISOString().slice(0, 19).replace('T', ' ')
}
