/** The keywords of a metadata manifest and what their values mean. */

import { fromBase64 } from '../bytes/base64.ts'
import { fromHex } from '../bytes/hex.ts'
import { encodeCapability } from './capability.ts'
import type { Time, TreeNode } from './model.ts'
import { isOwner, NO_OWNER } from './owner.ts'
import { decodeVis } from './vis.ts'
import { assertStorableXattr } from './xattr-names.ts'

/** What a line says of its path; what it does not mention stays as it is. */
export interface ManifestFields {
  readonly kind?: TreeNode['kind']
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: Time
  /** Target of a symbolic link. */
  readonly target?: Uint8Array
  readonly device?: { readonly major: number; readonly minor: number }
  /** Attributes to set; those of the tree with other names stay. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
}

/** Turns a value into fields; throws SyntaxError for one that means nothing. */
type ParseValue = (value: string, keyword: string, fields: ManifestFields) => ManifestFields

const KINDS: ReadonlyMap<string, TreeNode['kind']> = new Map([
  ['file', 'file'],
  ['dir', 'directory'],
  ['link', 'symlink'],
  ['char', 'character-device'],
  ['block', 'block-device'],
  ['fifo', 'fifo'],
  ['socket', 'socket'],
])

/** In the order in which they are listed to people. */
export const KEYWORDS: ReadonlyMap<string, ParseValue> = new Map<string, ParseValue>([
  ['type', (value) => ({ kind: parseKind(value) })],
  ['mode', (value) => ({ mode: parseMode(value) })],
  ['uid', (value) => ({ uid: parseId(value, 'uid') })],
  ['gid', (value) => ({ gid: parseId(value, 'gid') })],
  ['time', (value) => ({ mtime: parseTime(value) })],
  ['link', (value) => ({ target: parseTarget(value) })],
  ['device', (value) => ({ device: parseDevice(value) })],
  ['xattr', parseXattr],
  ['capability', parseCapability],
])

function parseKind(value: string): TreeNode['kind'] {
  const kind = KINDS.get(value)
  if (!kind) throw new SyntaxError(`type ${value} is not one of ${[...KINDS.keys()].join(', ')}`)
  return kind
}

function parseMode(value: string): number {
  if (!/^[0-7]{1,5}$/.test(value) || Number.parseInt(value, 8) > 0o7777) {
    throw new SyntaxError(`mode ${value} is not an octal number up to 7777`)
  }
  return Number.parseInt(value, 8)
}

function parseId(value: string, what: string): number {
  const id = /^[0-9]{1,10}$/.test(value) ? Number(value) : Number.NaN
  if (!isOwner(id)) throw new SyntaxError(`${what} ${value} is not a number below ${NO_OWNER}`)
  return id
}

function parseTime(value: string) {
  const [, seconds, fraction = '0'] = /^(-?[0-9]{1,12})(?:\.([0-9]{9}|0))?$/.exec(value) ?? []
  if (seconds === undefined) {
    throw new SyntaxError(`time ${value} is not seconds, or seconds with nine decimals`)
  }
  return { seconds: Number(seconds), nanoseconds: Number(fraction) }
}

function parseTarget(value: string): Uint8Array {
  const target = decodeVis(value)
  if (target.length === 0 || target.length > 4095 || target.includes(0)) {
    throw new SyntaxError('link needs a target of 1 to 4095 bytes')
  }
  return target
}

function parseDevice(value: string) {
  const [, major, minor] = /^(?:linux|native),([0-9]{1,7}),([0-9]{1,7})$/.exec(value) ?? []
  // The kernel has 12 bits for the one and 20 for the other.
  if (Number(major) < 4096 && Number(minor) < 1_048_576) {
    return { major: Number(major), minor: Number(minor) }
  }
  throw new SyntaxError(`device ${value} is not of the form linux,MAJOR,MINOR`)
}

function parseXattr(value: string, keyword: string, fields: ManifestFields): ManifestFields {
  const name = new TextDecoder().decode(decodeVis(keyword.slice('xattr.'.length)))
  assertStorableXattr(name)
  const bytes = parseXattrValue(value)
  if (!bytes) {
    throw new SyntaxError(`${keyword} is not of the form 0sBASE64, 0xHEX or "text"`)
  }
  if (bytes.length > 65_535) throw new SyntaxError(`${keyword} is longer than 65535 bytes`)
  return withXattr(fields, name, bytes)
}

/** As getfattr(1) writes values. */
function parseXattrValue(value: string): Uint8Array | undefined {
  if (value.startsWith('0s')) return fromBase64(value.slice(2))
  if (value.startsWith('0x')) return fromHex(value.slice(2))
  const [, quoted] = /^"([^"]*)"$/.exec(value) ?? []
  return quoted === undefined ? undefined : decodeVis(quoted)
}

/** Text of setcap(8); blanks between clauses are written `\s`. */
function parseCapability(value: string, _: string, fields: ManifestFields): ManifestFields {
  const [, text = '', rootId] = /^(.*?)(?:;rootid=([0-9]+))?$/s.exec(value) ?? []
  const clauses = new TextDecoder().decode(decodeVis(text))
  const id = rootId === undefined ? undefined : parseId(rootId, 'rootid')
  return withXattr(fields, 'security.capability', encodeCapability(clauses, id))
}

function withXattr(fields: ManifestFields, name: string, value: Uint8Array): ManifestFields {
  if (fields.xattrs?.has(name)) throw new SyntaxError(`${name} is given twice`)
  return { xattrs: new Map([...(fields.xattrs ?? []), [name, value]]) }
}
