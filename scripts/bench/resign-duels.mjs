// @ts-check
/** A new signature in finished images against building them again. */

import { spawnSync } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { extsign } from './duels.mjs'
import { inTree, peerPath } from './peers.mjs'

/** @typedef {import('./duels.mjs').Duel} Duel */
/** @typedef {import('./duels.mjs').Place} Place */

const SEED = '8d2c0b7e-52a1-4c3f-9e64-1f0d5a7b9c21'
const MEBIBYTE = 2 ** 20
const IMAGE_SIZE = 100 * MEBIBYTE
const COUNT = 100
const TARGET = 0.02
/** Hashing the data takes what the disk and the processors give. */
const HASHING_TARGET = 0.1

/**
 * `extsign resign` of many images against `systemd-repart --make-ddi=sysext` for each.
 * @param {Place} place Holds `bench.key` and `bench.crt`.
 * @returns {Duel[]}
 */
export function resignDuels({ folder, where }) {
  const images = Array.from({ length: COUNT }, (_, index) => join(folder, `resign${index}.raw`))
  // Untimed: images for the first round, and the old signature again for the next.
  const before = () => {
    if (!existsSync(join(folder, 'next.key'))) return makeImages(folder, images)
    call('resign', ...images, '--no-verify-data', '--quiet', ...signing(folder, 'bench'))
  }
  const inside = (/** @type {string} */ name) => peerPath(folder, name, where)
  const repart = [
    `systemd-repart --make-ddi=sysext --copy-source=${inside('resign-tree')} --seed=${SEED}`,
    '--offline=yes --architecture=x86-64',
    `--private-key=${inside('bench.key')} --certificate=${inside('bench.crt')}`,
  ].join(' ')
  const peer = {
    ...inTree('sh', [
      '-ec',
      // One file at a time, because a hundred of each side would fill many a disk.
      `for n in $(seq ${COUNT}); do rm -f ${inside('peer')}.raw; ${repart} ${inside('peer')}.raw; done`,
    ]),
  }
  const name = `resign ${COUNT} images of 100 MiB`
  const args = ['resign', ...images, '--quiet', ...signing(folder, 'next')]
  return [
    {
      name: `${name}, --no-verify-data`,
      target: TARGET,
      ours: { ...extsign(...args, '--no-verify-data'), before },
      peer,
    },
    { name, target: HASHING_TARGET, ours: { ...extsign(...args), before }, peer },
  ]
}

/** @param {string} folder @param {readonly string[]} images */
function makeImages(folder, images) {
  const tree = join(folder, 'resign-tree')
  writeTree(tree)
  const image = join(folder, 'resign.raw')
  call(
    'sysext',
    tree,
    '--name',
    'resign',
    '--output',
    image,
    '--quiet',
    ...signing(folder, 'bench'),
  )
  for (const copy of images) copyFileSync(image, copy)
  call('keys', 'new', '--directory', folder, '--name', 'next', '--common-name', 'next')
}

/** @param {string} folder @param {string} name */
function signing(folder, name) {
  const path = join(folder, name)
  return ['--private-key', `${path}.key`, '--certificate', `${path}.crt`]
}

/**
 * A tree of 100 files that nobody can compress.
 * @param {string} tree
 */
function writeTree(tree) {
  const release = join(tree, 'usr/lib/extension-release.d')
  mkdirSync(release, { recursive: true })
  writeFileSync(join(release, 'extension-release.resign'), 'ID=_any\n')
  const noise = createCipheriv('aes-128-ctr', new Uint8Array(16), new Uint8Array(16))
  for (let number = 0; number < IMAGE_SIZE / MEBIBYTE; number++) {
    writeFileSync(join(tree, `usr/lib/noise${number}`), noise.update(new Uint8Array(MEBIBYTE)))
  }
}

/** @param {readonly string[]} words */
function call(...words) {
  const { command, args } = extsign(...words)
  const { status, stderr } = spawnSync(command, [...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`extsign ${words.join(' ')}: ${stderr}`)
}
