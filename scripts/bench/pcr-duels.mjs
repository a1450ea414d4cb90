// @ts-check
/** What a boot measures, of an image of 100 MiB: against systemd-measure, and against ukify, which builds it. */

import { spawnSync } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { extsign } from './duels.mjs'
import { inTree, peerPath } from './peers.mjs'

/** @typedef {import('./duels.mjs').Duel} Duel */
/** @typedef {import('./duels.mjs').Place} Place */

const MEBIBYTE = 2 ** 20
const MEASURE = '/usr/lib/systemd/systemd-measure'
const STUB = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub'
const MEASURE_TARGET = 1
const UKIFY_TARGET = 0.4

/**
 * `pcr calculate` and `pcr sign`, four banks and the phases of a usual boot.
 * @param {Place} place Holds `bench.key`; takes the image and its sections.
 * @returns {Duel[]}
 */
export function pcrDuels({ folder, where }) {
  writeSections(folder)
  const inside = (/** @type {string} */ name) => peerPath(folder, name, where)
  const files = [`--linux=${inside('linux')}`, `--initrd=${inside('initrd')}`]
  const sections = [...files, `--osrel=${inside('osrel')}`, `--cmdline=${inside('cmdline')}`]
  const built = [
    ...['build', ...files, `--os-release=@${inside('osrel')}`, `--cmdline=@${inside('cmdline')}`],
    ...['--uname=6.1', `--stub=${STUB}`],
  ]
  const key = inside('bench.key')
  const digest = ['--policy-digest', '--json=short', `--pcr-public-key=${inside('bench.pub')}`]
  makePublicKey(folder)
  runOnce(inTree('ukify', [...built, ...digest, `--output=${inside('linux.efi')}`]))
  const uki = ['--uki', join(folder, 'linux.efi')]
  const signed = join(folder, 'signed.efi')
  const before = () => rmSync(signed, { force: true })
  const ours = ['--private-key', join(folder, 'bench.key')]
  const output = `--output=${inside('peer.efi')}`
  return [
    {
      name: 'pcr calculate against systemd-measure',
      target: MEASURE_TARGET,
      ours: extsign('pcr', 'calculate', ...uki),
      peer: inTree(MEASURE, ['calculate', ...sections]),
    },
    {
      name: 'pcr sign against systemd-measure',
      target: MEASURE_TARGET,
      ours: extsign('pcr', 'sign', ...uki, ...ours),
      peer: inTree(MEASURE, ['sign', ...sections, `--private-key=${key}`]),
    },
    {
      name: 'pcr calculate against ukify --measure',
      target: UKIFY_TARGET,
      ours: extsign('pcr', 'calculate', ...uki),
      peer: inTree('ukify', [...built, '--measure', output]),
    },
    {
      name: 'pcr sign into the image against ukify',
      target: UKIFY_TARGET,
      ours: { ...extsign('pcr', 'sign', ...uki, ...ours, '--output', signed), before },
      peer: inTree('ukify', [...built, `--pcr-private-key=${key}`, output]),
    },
  ]
}

/** @param {string} folder */
function writeSections(folder) {
  const noise = createCipheriv('aes-128-ctr', new Uint8Array(16), new Uint8Array(16))
  const write = (/** @type {string} */ name, /** @type {Uint8Array | string} */ content) =>
    writeFileSync(join(folder, name), content)
  write('linux', noise.update(new Uint8Array(14 * MEBIBYTE)))
  write('initrd', noise.update(new Uint8Array(86 * MEBIBYTE)))
  write('osrel', 'ID=bench\nVERSION_ID=1\n')
  write('cmdline', 'root=/dev/vda quiet')
}

/** @param {string} folder */
function makePublicKey(folder) {
  const key = join(folder, 'bench.key')
  const into = join(folder, 'bench.pub')
  runOnce({ command: 'openssl', args: ['pkey', '-in', key, '-pubout', '-out', into] })
}

/** @param {import('./measure.mjs').Command} command */
function runOnce({ command, args, env }) {
  const all = { PATH: process.env.PATH, ...env }
  const { status, stderr } = spawnSync(command, [...args], { encoding: 'utf8', env: all })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}
