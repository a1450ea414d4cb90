/** A prediction as `pcr predict --json` prints it, read back. */

import { fromHex } from '../../bytes/hex.ts'
import { FormatError } from '../../errors.ts'
import { PCR_BANKS, PCR_COUNT, type PcrBank, pcrSize } from '../../formats/tpm2/pcr.ts'
import type { PredictedEvent } from '../predict/prediction.ts'

/** What of a prediction is compared: values follow from the events. */
export interface SavedPrediction {
  readonly banks: readonly PcrBank[]
  readonly events: readonly SavedEvent[]
  readonly states: readonly { readonly phase: string; readonly events: readonly SavedEvent[] }[]
}

export type SavedEvent = Pick<
  PredictedEvent,
  'pcr' | 'by' | 'description' | 'reason' | 'files' | 'digests'
>

type Fields = Readonly<Record<string, unknown>>

const MAX_EVENTS = 65536
const WRITERS = ['systemd-boot', 'systemd-stub', 'userspace'] as const

/** Whether an object of JSON looks like one. */
export function isSavedPrediction(value: Fields): boolean {
  return Array.isArray(value.events) && Array.isArray(value.states)
}

/** @throws FormatError where a field is missing or is not what it should be. */
export function parseSavedPrediction(value: Fields): SavedPrediction {
  const banks = listOf(value.banks, 'banks').map((name) => {
    const bank = PCR_BANKS.find((each) => each === name)
    return bank ?? fail(`banks: ${JSON.stringify(name)} is no PCR bank`)
  })
  if (banks.length === 0) fail('banks: there is none')
  return {
    banks,
    events: readEvents(value.events, 'events', banks),
    states: listOf(value.states, 'states').map((state, index) => {
      const place = `states ${index}`
      const { phase, events } = asObject(state, place)
      if (typeof phase !== 'string') return fail(`${place}: phase is not text`)
      return { phase, events: readEvents(events, `${place}: events`, banks) }
    }),
  }
}

function readEvents(value: unknown, place: string, banks: readonly PcrBank[]): SavedEvent[] {
  return listOf(value, place).map((each, index) => readEvent(each, `${place} ${index}`, banks))
}

function readEvent(value: unknown, place: string, banks: readonly PcrBank[]): SavedEvent {
  const { pcr, by, description, reason, files, digests } = asObject(value, place)
  if (typeof pcr !== 'number' || !Number.isInteger(pcr) || pcr < 0 || pcr >= PCR_COUNT) {
    return fail(`${place}: pcr is not a number from 0 to ${PCR_COUNT - 1}`)
  }
  const writer = WRITERS.find((each) => each === by)
  if (writer === undefined) return fail(`${place}: by is not one of ${WRITERS.join(', ')}`)
  if (typeof description !== 'string') return fail(`${place}: description is not text`)
  if (typeof reason !== 'string') return fail(`${place}: reason is not text`)
  const paths = listOf(files, `${place}: files`).map((file) =>
    typeof file === 'string' ? file : fail(`${place}: files are not text`),
  )
  const hashes = asObject(digests, `${place}: digests`)
  const values = banks.map((bank) => [bank, readDigest(hashes[bank], bank, place)] as const)
  return { pcr, by: writer, description, reason, files: paths, digests: new Map(values) }
}

function readDigest(value: unknown, bank: PcrBank, place: string): Uint8Array {
  const bytes = typeof value === 'string' ? fromHex(value) : undefined
  if (bytes?.length === pcrSize(bank)) return bytes
  return fail(`${place}: digest of ${bank} is not ${pcrSize(bank)} bytes in hexadecimal`)
}

function listOf(value: unknown, place: string): readonly unknown[] {
  if (Array.isArray(value) && value.length <= MAX_EVENTS) return value
  return fail(`${place}: not a list of at most ${MAX_EVENTS}`)
}

function asObject(value: unknown, place: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  return fail(`${place}: not an object`)
}

function fail(message: string): never {
  throw new FormatError('prediction', 'BAD_VALUE', message)
}
