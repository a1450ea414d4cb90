/**
 * What a plan or a manifest would have us run, load or speak to. It may come from another person, so
 * its reader has to allow that: with one flag, the same everywhere.
 */

import { flag } from './arguments.ts'
import { UsageError } from './errors.ts'

export const allowCommandsOption = {
  allowCommands: flag({
    long: 'allow-commands',
    description: 'run the programs, load the modules and use the sockets that it names',
  }),
}

interface KeyFields {
  readonly privateKeySource: string | undefined
}

const KEY_OUTLETS: ReadonlyMap<string, string> = new Map([
  ['command', 'it runs a program'],
  ['agent', 'it speaks to a signing agent'],
  ['pkcs11', 'it loads a PKCS#11 module'],
])

/** What using a key would do besides reading a file. */
export function outletOfKey({ privateKeySource = 'file' }: KeyFields): string | undefined {
  return KEY_OUTLETS.get(privateKeySource)
}

/** The TPM of this machine, by whatever name. */
const LOCAL_TPM = /^(?:auto|(?:device:)?\/dev\/tpm(?:rm)?\d*|device:)$/

/** What using a TPM would do besides asking that of this machine. */
export function outletOfTpm(device: string | undefined): string | undefined {
  if (device === undefined || LOCAL_TPM.test(device)) return undefined
  return device.startsWith('swtpm:')
    ? 'it speaks to a TPM behind a socket'
    : `it writes to '${device}' as to a TPM`
}

/** @param place of the file that names the outlet */
export function notAllowed(place: string, outlet: string): UsageError {
  return new UsageError(`${place}: ${outlet}`, {
    hint: '--allow-commands runs programs, loads modules and uses sockets that are named there',
  })
}
