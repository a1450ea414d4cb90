/** Brings a TPM into its lockout: one wrong password is one too many. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Ends with the TPM refusing everything that has a password to be guessed.
 *
 * @param tpm2 Runs a command of tpm2-tools that has to succeed.
 */
export function lockOut(
  folder: string,
  tpm2: (command: string, ...args: string[]) => unknown,
): void {
  const limits = ['--max-tries=1', '--recovery-time=1000', '--lockout-recovery-time=1000']
  const path = (name: string) => join(folder, name)
  const parts = ['-u', path('object.pub'), '-r', path('object.priv')]
  writeFileSync(path('data'), 'data')
  tpm2('tpm2_dictionarylockout', '--setup-parameters', ...limits)
  tpm2('tpm2_createprimary', '-c', path('parent'))
  tpm2('tpm2_create', '-C', path('parent'), '-p', 'right', '-i', path('data'), ...parts)
  tpm2('tpm2_flushcontext', '-t')
  tpm2('tpm2_load', '-C', path('parent'), ...parts, '-c', path('object'))
  tpm2('tpm2_flushcontext', '-t')
  let isRight = true
  try {
    tpm2('tpm2_unseal', '-c', path('object'), '-p', 'wrong')
  } catch {
    isRight = false
  }
  if (isRight) throw new Error('the wrong password was right')
  tpm2('tpm2_flushcontext', '-t')
}
