/**
 * PCR values as tools print them: `tpm2_pcrread`, `systemd-analyze pcrs` as a table and as JSON, and
 * `systemd-measure status`, whose lines are what `--tpm2-pcrs` takes.
 */

import { fromHex } from '../bytes/hex.ts'
import { FormatError } from '../errors.ts'
import { decodeBoundedText } from './bounded-text.ts'
import { parseJson } from './json.ts'
import { PCR_BANKS, PCR_COUNT, type PcrBank, pcrSize } from './tpm2/pcr.ts'

/** PCRs of each bank that were read. */
export type PcrDump = ReadonlyMap<PcrBank, ReadonlyMap<number, Uint8Array>>

const FORMAT = 'PCR dump'
const MAX_SIZE = 1024 * 1024

/** Collects values, each of which may come once. */
class DumpBuilder {
  readonly #banks = new Map<PcrBank, Map<number, Uint8Array>>()

  add(bank: PcrBank, pcr: number, hex: string, place: string): void {
    if (pcr >= PCR_COUNT) throw bad(`${place}: PCR ${pcr}, there are 0 to ${PCR_COUNT - 1}`)
    const value = fromHex(hex)
    if (value === undefined) throw bad(`${place}: PCR ${pcr} of ${bank} is not hexadecimal`)
    if (value.length !== pcrSize(bank)) {
      const found = `PCR ${pcr} of ${bank} has ${value.length} bytes`
      throw bad(`${place}: ${found}, expected ${pcrSize(bank)}`)
    }
    const values = this.#banks.get(bank) ?? new Map<number, Uint8Array>()
    if (values.has(pcr)) throw bad(`${place}: PCR ${pcr} of ${bank} is there twice`)
    this.#banks.set(bank, values.set(pcr, value))
  }

  finish(): PcrDump {
    if (this.#banks.size > 0) return this.#banks
    throw new FormatError(FORMAT, 'BAD_MAGIC', 'no value of a PCR in it', {
      hint: 'known are the output of tpm2_pcrread, systemd-analyze pcrs and systemd-measure status',
    })
  }
}

/** Reads what one of these tools printed. @throws FormatError where it is none of that. */
export function parsePcrDump(bytes: Uint8Array): PcrDump {
  const text = decodeBoundedText(bytes, FORMAT, MAX_SIZE)
  return /^\s*\[/.test(text) ? parseRows(text) : parseLines(text.split('\n'))
}

/** The bank a name stands for, in either case. */
export function findBankByName(name: string): PcrBank | undefined {
  return PCR_BANKS.find((bank) => bank === name.toLowerCase())
}

/** `[{"nr":0,"name":"platform-code","sha256":"…"}, …]`. */
function parseRows(text: string): PcrDump {
  const rows = parseJson(text, (fault) => bad(`text is ${fault}`))
  const builder = new DumpBuilder()
  for (const [index, row] of (Array.isArray(rows) ? rows : []).entries()) {
    const place = `row ${index}`
    const fields: Readonly<Record<string, unknown>> = Object(row)
    const { nr } = fields
    if (typeof nr !== 'number' || !Number.isInteger(nr) || nr < 0) {
      throw bad(`${place}: nr is not the number of a PCR`)
    }
    for (const bank of PCR_BANKS) {
      const value = fields[bank]
      // Not every bank is in use, and not every PCR can be read.
      if (value === undefined || value === null) continue
      if (typeof value !== 'string') throw bad(`${place}: ${bank} is not text`)
      builder.add(bank, nr, value, place)
    }
  }
  return builder.finish()
}

function parseLines(lines: readonly string[]): PcrDump {
  const builder = new DumpBuilder()
  let bank: PcrBank | undefined
  for (const [index, line] of lines.entries()) {
    const place = `line ${index + 1}`
    const literal = /^(\d{1,3}):([a-z0-9]+)=(\S+)\s*$/.exec(line)
    const heading = /^\s*([a-z0-9_]+)\s*:\s*$/.exec(line)
    const columns = /^\s*NR\s+NAME\s+([A-Z0-9]+)\s*$/.exec(line)
    const yaml = /^\s*(\d{1,3})\s*:\s*0x(\S+)\s*$/.exec(line)
    const row = /^\s*(\d{1,3})\s+(?:\S+\s+)?(\S+)\s*$/.exec(line)
    if (literal) {
      const [, pcr, name = '', hex = ''] = literal
      const named = findBankByName(name)
      if (named === undefined) throw bad(`${place}: '${name}' is no PCR bank`)
      builder.add(named, Number(pcr), hex, place)
    } else if (heading || columns) {
      // Banks of other algorithms are passed over with all their values.
      bank = findBankByName((heading ?? columns)?.[1] ?? '')
    } else if ((yaml ?? row) && bank !== undefined) {
      const [, pcr, hex = ''] = yaml ?? row ?? []
      builder.add(bank, Number(pcr), hex, place)
    }
  }
  return builder.finish()
}

function bad(message: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', message)
}
