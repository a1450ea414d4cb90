/** UKIs whose boots are predicted and approved of before they happen. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TreeName } from '../../../scripts/provision/trees.mjs'
import { extsign } from '../../support/extsign.ts'
import { makeKey } from '../../support/keys.ts'
import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'
import { commandLineOf, makePe, makeUki } from '../harness/index.ts'

export interface MeasuredUki {
  readonly path: string
  /** The key whose policies allow the initrd, of every profile, and nothing after it. */
  readonly publicKey: string
}

/** The profiles, in their order. */
export const PROFILES = ['main', 'second'] as const

/** What is in `.pcrsig` before there are signatures: nothing, and room. */
const ROOM = ' '.repeat(8192)

/** Makes a UKI with two profiles in `folder`, and signs the states in which secrets may open. */
export function makeMeasuredUki(guest: TreeName, folder: string): MeasuredUki {
  const { privateKey, publicKey } = makePolicyKey(folder, 'pcr')
  writeFileSync(join(folder, 'room'), ROOM)
  const [main, second] = PROFILES.map((name) => `--profile=ID=${name}\nTITLE=${name}\n`)
  const commandLine = `--cmdline=${commandLineOf('initrd')} vmtest.profile=second`
  const profile = makePe(guest, folder, 'second.efi', [second!, commandLine])
  const sections = [`--pcrpkey=${publicKey}`, `--section=.pcrsig:@${join(folder, 'room')}`]
  const parts = [...sections, main!, `--join-profile=${profile}`]
  const unsigned = makeUki(guest, 'initrd', folder, parts)
  const path = join(folder, 'measured.efi')
  const states = ['--phase=enter-initrd', '--bank=sha256']
  const signing = ['--private-key', privateKey, ...states, '--output', path]
  extsign(['pcr', 'sign', '--uki', unsigned, ...signing])
  return { path, publicKey }
}

/** Makes a key that can approve of states: the paths of its parts. */
export function makePolicyKey(
  folder: string,
  name: string,
): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey } = makeKey(folder, 'rsa2048', name)
  const publicKey = join(folder, `${name}.pub`)
  writeFileSync(publicKey, output(tool('openssl'), ['pkey', '-in', privateKey, '-pubout']))
  return { privateKey, publicKey }
}

/** What PCR 11 has in a phase, for `--tpm2-pcrs`. */
export function calculatePcr11(uki: string, phase: string, profile?: number): string {
  const states = [`--phase=${phase}`, '--bank=sha256', '--json']
  const chosen = profile === undefined ? [] : [`--profile=${profile}`]
  const { sha256 } = JSON.parse(extsign(['pcr', 'calculate', '--uki', uki, ...states, ...chosen]))
  return `11:sha256=${sha256[0].hash}`
}
