/** What a machine says of its PCRs: values, logs, or both. */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FileError, FormatError } from '../../errors.ts'
import { readSmallFile, readText } from '../../files/text.ts'
import { decodeFirmwareLog, isFirmwareLog } from '../../formats/event-log/firmware.ts'
import type { EventLog, LogEvent } from '../../formats/event-log/log-event.ts'
import { isUserspaceLog, parseUserspaceLog } from '../../formats/event-log/userspace.ts'
import { findBankByName, type PcrDump, parsePcrDump } from '../../formats/pcr-dump.ts'
import { initialPcr, replayEvents } from '../../formats/pcr-event.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'

export interface Observation {
  /** Values that were read; empty where there are only logs. */
  readonly dump: PcrDump
  /** That of the firmware before that of userspace. */
  readonly logs: readonly NamedLog[]
}

export interface NamedLog {
  /** The file as it was named. */
  readonly name: string
  readonly log: EventLog
}

/** An event and the log it is in. */
export interface ObservedEvent extends LogEvent {
  readonly log: string
}

const MAX_LOG = 64 * 1024 * 1024
/** A file of a PCR: hexadecimal digits and a newline. */
const MAX_VALUE = 256

/**
 * Reads the values of PCRs: the output of a tool, a folder `pcr-sha256` of the kernel, or the folder
 * around several of these, `/sys/class/tpm/tpm0`.
 *
 * @throws FileError, FormatError
 */
export async function readPcrDump(path: string): Promise<PcrDump> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isDirectory()) return parsePcrDump(await readSmallFile(path))
  const bank = bankOfFolder(path)
  if (bank !== undefined) return new Map([[bank, await readFolder(path, bank)]])
  const banks: [PcrBank, ReadonlyMap<number, Uint8Array>][] = []
  for (const name of (await readdir(path)).sort()) {
    const inner = bankOfFolder(name)
    if (inner !== undefined) banks.push([inner, await readFolder(join(path, name), inner)])
  }
  if (banks.length > 0) return new Map(banks)
  throw new FileError('NOT_FOUND', `${path} has no PCRs: no folder like pcr-sha256`, {
    hint: 'the kernel shows them in /sys/class/tpm/tpm0',
  })
}

/** Reads a log of either kind. @throws FileError, FormatError */
export async function readEventLog(path: string): Promise<NamedLog> {
  const bytes = await readSmallFile(path, { maximum: MAX_LOG })
  if (isUserspaceLog(bytes)) return { name: path, log: parseUserspaceLog(bytes) }
  if (isFirmwareLog(bytes)) return { name: path, log: decodeFirmwareLog(bytes) }
  throw new FormatError('event log', 'BAD_MAGIC', 'neither a log of firmware nor one of systemd', {
    offset: 0,
    hint: 'they are binary_bios_measurements of the kernel and tpm2-measure.log of systemd',
  })
}

/** All events of a PCR, in order. */
export function eventsOf({ logs }: Observation, pcr: number): readonly ObservedEvent[] {
  return logs.flatMap(({ name, log }) =>
    log.events.filter((event) => event.pcr === pcr).map((event) => ({ ...event, log: name })),
  )
}

/** The value of a PCR, or undefined where neither values nor logs say it for this bank. */
export function observedValue(
  observation: Observation,
  bank: PcrBank,
  pcr: number,
): Uint8Array | undefined {
  return observation.dump.get(bank)?.get(pcr) ?? replayLogs(observation, bank, pcr)
}

/** Whether values in this bank were read, or the log of the firmware has digests of it. */
export function isObserved({ dump, logs }: Observation, bank: PcrBank): boolean {
  return dump.has(bank) || findFirmwareLog(logs, bank) !== undefined
}

/** The value that the logs give, or undefined where they do not begin with the start or lack the bank. */
export function replayLogs(
  observation: Observation,
  bank: PcrBank,
  pcr: number,
): Uint8Array | undefined {
  const first = findFirmwareLog(observation.logs, bank)
  const events = eventsOf(observation, pcr)
  if (first === undefined || events.some(({ digests }) => !digests.has(bank))) return undefined
  const start = initialPcr(bank)
  if (pcr === 0) start[start.length - 1] = first.log.startupLocality
  return replayEvents(bank, pcr, events, start)
}

/** Without it nobody knows what a PCR held before userspace. */
function findFirmwareLog(logs: readonly NamedLog[], bank: PcrBank): NamedLog | undefined {
  return logs.find(
    ({ log }) => log.kind === 'firmware' && log.events.some(({ digests }) => digests.has(bank)),
  )
}

async function readFolder(path: string, bank: PcrBank): Promise<ReadonlyMap<number, Uint8Array>> {
  const names = (await readdir(path)).filter((name) => /^(?:\d|1\d|2[0-3])$/.test(name))
  const lines: string[] = []
  for (const name of names) {
    const hex = (await readText(join(path, name), { maximum: MAX_VALUE })).trim()
    lines.push(`${name}:${bank}=${hex}`)
  }
  const text = new TextEncoder().encode(lines.join('\n'))
  return parsePcrDump(text).get(bank) ?? new Map()
}

/** `pcr-sha256`, with whatever is before it. */
function bankOfFolder(path: string): PcrBank | undefined {
  const name = /(?:^|[\\/])pcr-(\w+)[\\/]*$/.exec(path)?.[1]
  return name === undefined ? undefined : findBankByName(name)
}
