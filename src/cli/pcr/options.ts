/** The options of the `pcr` commands, named as those of systemd-measure(1). */

import { PCR_BANKS, type PcrBank } from '../../formats/tpm2/pcr.ts'
import { flag, option, options, wordFlag } from '../arguments.ts'
import { signerOptions } from '../signer-options.ts'
import { choice, file, integer, text, type ValueType } from '../types.ts'

const UKI = 'UKI'
const SECTIONS = 'Sections'
const STATES = 'States'
const SIGNING = 'Signing'
const OUTPUT = 'Output'

/** A bank in capitals or small letters. */
const bank: ValueType<PcrBank> = {
  ...choice(PCR_BANKS),
  parse: (value) => choice(PCR_BANKS).parse(value.toLowerCase()),
}

const section = (long: string, description: string) =>
  option({ long, group: SECTIONS, type: file, acceptsEmpty: true, description })

export const ukiOptions = {
  uki: option({
    long: 'uki',
    group: UKI,
    type: file,
    description: 'a unified kernel image, instead of its sections',
  }),
  stubVersion: option({
    long: 'stub-version',
    group: UKI,
    type: integer('N', { from: 252, to: 9999 }),
    description: 'version of its stub; by default what .sdmagic says',
  }),
}

/** One for each section that is measured. `--profile` is a number where there is a UKI. */
export const sectionOptions = {
  linux: section('linux', 'the kernel'),
  osrel: section('osrel', 'os-release'),
  cmdline: section('cmdline', 'the kernel command line'),
  initrd: section('initrd', 'the initrd'),
  ucode: section('ucode', 'the archive of microcode'),
  splash: section('splash', 'the splash bitmap'),
  dtb: section('dtb', 'the device tree'),
  dtbauto: section('dtbauto', 'the device tree that is chosen'),
  uname: section('uname', 'the release of the kernel'),
  sbat: section('sbat', 'the SBAT table'),
  pcrpkey: section('pcrpkey', 'the public key of PCR signatures'),
  profile: option({
    long: 'profile',
    group: SECTIONS,
    type: { ...text('FILE|N'), paths: file.paths },
    acceptsEmpty: true,
    description: 'the description of the profile; with --uki the number of the only one to look at',
  }),
  hwids: section('hwids', 'the table of hardware IDs'),
  efifw: section('efifw', 'the firmware that is chosen'),
}

export const stateOptions = {
  phase: options({
    long: 'phase',
    group: STATES,
    type: text('PATH'),
    acceptsEmpty: true,
    description:
      'boot phase, words with colons between them, : for the start of the kernel; by default the four of a usual boot',
  }),
  bank: options({
    long: 'bank',
    group: STATES,
    type: bank,
    description: 'only this bank; by default all four',
  }),
}

export const jsonOption = {
  json: wordFlag({
    long: 'json',
    short: 'j',
    group: OUTPUT,
    words: ['pretty', 'short', 'off'],
    description: 'print JSON: pretty on a terminal, else short',
  }),
}

export const policyOptions = {
  policyref: option({
    long: 'policyref',
    group: SIGNING,
    type: text('TEXT'),
    acceptsEmpty: true,
    description: 'limit the signatures to what was enrolled for this reference (systemd 262)',
  }),
  append: option({
    long: 'append',
    group: SIGNING,
    type: file,
    description: 'start from this JSON and keep what is in it',
  }),
}

export const publicKeyOptions = {
  publicKey: option({
    long: 'public-key',
    group: SIGNING,
    type: file,
    description: 'the public key (PEM)',
  }),
  certificate: option({
    long: 'certificate',
    group: SIGNING,
    type: file,
    description: 'a certificate of the key instead (PEM or DER)',
  }),
}

export const privateKeyOptions = {
  privateKey: signerOptions.privateKey,
  privateKeySource: signerOptions.privateKeySource,
  passphraseFile: signerOptions.passphraseFile,
  signingTimeout: signerOptions.signingTimeout,
}

/** Of the commands that place signatures. */
export const placementOptions = {
  output: option({
    long: 'output',
    short: 'o',
    group: OUTPUT,
    type: file,
    replaces: ['uki'],
    description: 'with --uki: write the UKI with its signatures to this file',
  }),
  signatures: option({
    long: 'signatures',
    group: OUTPUT,
    type: file,
    replaces: ['append', 'request'],
    description: 'write the JSON to this file',
  }),
  force: flag({
    long: 'force',
    short: 'f',
    group: OUTPUT,
    description: 'replace an existing output',
  }),
  stripAuthenticode: flag({
    long: 'strip-authenticode',
    group: OUTPUT,
    description: 'remove the Authenticode signature of the UKI, which the change makes invalid',
  }),
}
