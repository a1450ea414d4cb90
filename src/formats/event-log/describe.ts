/**
 * What the data of a firmware event says to people. It is not what was measured (that is only its
 * digest), and whoever wrote the log could write anything: nothing is decided by it.
 */

import { viewOf } from '../../bytes/struct.ts'
import { formatUuid, swapGuid } from '../../bytes/uuid.ts'
import { EventType } from './event-types.ts'

const MAX_TEXT = 4096
const GUID_SIZE = 16
/** UEFI_IMAGE_LOAD_EVENT, §10.2.3: three numbers and the size of the path before the path. */
const IMAGE_HEADER_SIZE = 32
/** UEFI_VARIABLE_DATA, §10.2.6: the GUID and the sizes of name and data before the name. */
const VARIABLE_HEADER_SIZE = 32
/** TCG_PCClientTaggedEvent, §10.4.2.1. */
const TAG_HEADER_SIZE = 8

/** A description, empty where the data says nothing. */
export function describeEvent(type: number, data: Uint8Array): string {
  switch (type) {
    case EventType.separator:
      return 'separator'
    case EventType.eventTag:
      return describeTag(data)
    case EventType.efiBootServicesApplication:
    case EventType.efiBootServicesDriver:
      return describeImage(data)
    case EventType.efiVariableDriverConfig:
    case EventType.efiVariableBoot:
    case EventType.efiVariableBoot2:
    case EventType.efiVariableAuthority:
      return describeVariable(data)
    default:
      return readText(data)
  }
}

function describeTag(data: Uint8Array): string {
  if (data.length < TAG_HEADER_SIZE) return ''
  const tag = viewOf(data).getUint32(0, true).toString(16).padStart(8, '0')
  const text = readText(data.subarray(TAG_HEADER_SIZE))
  return text === '' ? `tag 0x${tag}` : `${text} (tag 0x${tag})`
}

/** The file of a started program: the parts of its device path that are file paths, UEFI §10.3.5.4. */
function describeImage(data: Uint8Array): string {
  const parts: string[] = []
  for (let at = IMAGE_HEADER_SIZE; at + 4 <= data.length; ) {
    const size = viewOf(data).getUint16(at + 2, true)
    if (size < 4 || at + size > data.length) break
    if (data[at] === 0x04 && data[at + 1] === 0x04) {
      parts.push(readUtf16(data.subarray(at + 4, at + size)))
    }
    at += size
  }
  return parts.join('')
}

function describeVariable(data: Uint8Array): string {
  if (data.length < VARIABLE_HEADER_SIZE) return ''
  const vendor = formatUuid(swapGuid(data.subarray(0, GUID_SIZE)))
  const characters = viewOf(data).getBigUint64(GUID_SIZE, true)
  const room = BigInt(Math.floor((data.length - VARIABLE_HEADER_SIZE) / 2))
  if (characters > room) return ''
  const end = VARIABLE_HEADER_SIZE + 2 * Number(characters)
  return `${readUtf16(data.subarray(VARIABLE_HEADER_SIZE, end))}-${vendor}`
}

/** Text in ASCII or in UTF-16, as boot loaders write either. */
function readText(data: Uint8Array): string {
  const bytes = data.subarray(0, MAX_TEXT)
  const wide = bytes.length >= 2 && bytes.length % 2 === 0 && bytes[1] === 0
  const text = wide ? readUtf16(bytes) : String.fromCharCode(...bytes).replace(/\0[\s\S]*$/, '')
  return /^[\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]*$/.test(text) ? text : ''
}

function readUtf16(bytes: Uint8Array): string {
  const units: number[] = []
  const view = viewOf(bytes)
  for (let at = 0; at + 2 <= Math.min(bytes.length, MAX_TEXT); at += 2) {
    const unit = view.getUint16(at, true)
    if (unit === 0) break
    units.push(unit)
  }
  return String.fromCharCode(...units)
}
