/**
 * PCRs as systemd's options write them, `7+11` or `secure-boot-policy,kernel-boot`, and with the
 * values they are expected to have: `7:sha256=…+11=…`.
 *
 * The names are those of systemd-analyze(1), `pcrs`.
 */

import { fromHex } from '../bytes/hex.ts'
import { CredentialError } from '../errors.ts'
import { PCR_BANKS, PCR_COUNT, type PcrBank, pcrSize } from '../formats/tpm2/pcr.ts'

export interface PcrSelection {
  /** Undefined where none was named. */
  readonly bank: PcrBank | undefined
  /** Each PCR with its expected value, or undefined where the one it has now is meant. */
  readonly pcrs: ReadonlyMap<number, Uint8Array | undefined>
}

const NAMES: ReadonlyMap<string, number> = new Map([
  ['platform-code', 0],
  ['platform-config', 1],
  ['external-code', 2],
  ['external-config', 3],
  ['boot-loader-code', 4],
  ['boot-loader-config', 5],
  ['host-platform', 6],
  ['secure-boot-policy', 7],
  ['kernel-initrd', 9],
  ['ima', 10],
  ['kernel-boot', 11],
  ['kernel-config', 12],
  ['sysexts', 13],
  ['shim-policy', 14],
  ['system-identity', 15],
  ['debug', 16],
  ['application-support', 23],
])

/** @throws CredentialError BAD_OPTION */
export function parsePcrSelection(text: string): PcrSelection {
  const pcrs = new Map<number, Uint8Array | undefined>()
  let bank: PcrBank | undefined
  // Nothing at all is how the PCRs of a default are taken back.
  const entries = text === '' ? [] : text.split(/[+,]/).map(parseEntry)
  for (const entry of entries) {
    if (entry.bank !== undefined && bank !== undefined && entry.bank !== bank) {
      throw bad('all PCRs have to be of one bank')
    }
    bank ??= entry.bank
    if (pcrs.has(entry.pcr)) throw bad(`PCR ${entry.pcr} is there twice`)
    pcrs.set(entry.pcr, entry.value)
  }
  const size = pcrSize(bank ?? 'sha256')
  for (const [pcr, value] of pcrs) {
    if (value === undefined || value.length === size) continue
    const found = `the value of PCR ${pcr} has ${value.length} bytes`
    throw bad(`${found}, those of ${bank ?? 'sha256'} have ${size}`)
  }
  return { bank, pcrs }
}

interface Entry {
  readonly pcr: number
  readonly bank: PcrBank | undefined
  readonly value: Uint8Array | undefined
}

function parseEntry(text: string): Entry {
  const [, name = '', bankName, hex] = /^([^:=]*)(?::([^=]*))?(?:=(.*))?$/s.exec(text) ?? []
  const pcr = /^\d{1,2}$/.test(name) ? Number(name) : NAMES.get(name)
  if (pcr === undefined || pcr >= PCR_COUNT) {
    throw bad(`'${name}' is no PCR: they have the numbers 0 to ${PCR_COUNT - 1}`)
  }
  const bank = PCR_BANKS.find((each) => each === bankName)
  if (bankName !== undefined && bank === undefined) {
    throw bad(`'${bankName}' is no PCR bank: there are ${PCR_BANKS.join(', ')}`)
  }
  const value = hex === undefined ? undefined : fromHex(hex)
  if (hex !== undefined && (value === undefined || value.length === 0)) {
    throw bad(`the value of PCR ${pcr} is not hexadecimal`)
  }
  return { pcr, bank, value }
}

function bad(message: string): CredentialError {
  return new CredentialError('BAD_OPTION', message, {
    hint: 'PCRs are written 7+11, and with the values to expect 7:sha256=HEX+11=HEX',
  })
}
