// @ts-check
/** What is compared with what. */

import { createCipheriv } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXTSIGN } from '../prepare.mjs'
import { inTree, peerPath } from './peers.mjs'

/** @typedef {import('./measure.mjs').Command} Command */

/**
 * @typedef {object} Duel
 * @property {string} name
 * @property {number | undefined} target What the ratio should be at most.
 * @property {Command} ours
 * @property {Command} peer
 * @property {() => readonly [ours: number, peer: number]} [sizes] Bytes of the results.
 * @property {() => void} [check] Throws where either side did not do its work.
 */

/**
 * @typedef {object} Place
 * @property {string} folder
 * @property {'memory' | 'disk'} where
 */

const SEED = '8d2c0b7e-52a1-4c3f-9e64-1f0d5a7b9c21'
const SALT = '5e'.repeat(32)
const UUID = '0f7c9a52-6d3e-4b18-a0c4-2e9b7d51f386'
const GIBIBYTE = 2 ** 30
const MEBIBYTE = 2 ** 20

/** Compression, options of mkfs.erofs, and what to reach in memory. */
const BUILDS = /** @type {const} */ ([
  ['uncompressed', 'none', '', 0.5],
  ['lz4', 'lz4', '-zlz4', 0.6],
  ['zstd', 'zstd', '-zzstd', 0.45],
])
/** What to reach on disk, where repart writes everything twice. */
const DISK_TARGET = 0.3
const HASH_TARGET = 0.65

/** @param {readonly string[]} args @returns {Command} */
export function extsign(...args) {
  return {
    command: process.execPath,
    args: [EXTSIGN, ...args],
    env: { SOURCE_DATE_EPOCH: '0', PATH: '' },
  }
}

/**
 * `extsign sysext` against `systemd-repart --make-ddi=sysext`, signed on both sides.
 * @param {Place} place Holds `tree`, `bench.key` and `bench.crt`.
 * @returns {Duel[]}
 */
export function buildDuels({ folder, where }) {
  const ours = join(folder, 'bench.raw')
  const peer = join(folder, 'peer.raw')
  const inside = (/** @type {string} */ name) => peerPath(folder, name, where)
  return BUILDS.map(([name, compression, mkfs, target]) => ({
    name: `build, ${name}`,
    target: where === 'disk' ? Math.min(target, DISK_TARGET) : target,
    ours: {
      ...extsign(
        ...['sysext', join(folder, 'tree'), '--name', 'bench', '--output', ours, '--quiet'],
        ...['--seed', SEED, '--compression', compression, ...signing((file) => join(folder, file))],
      ),
      before: () => rmSync(ours, { force: true }),
    },
    peer: {
      ...inTree(
        'systemd-repart',
        [
          ...['--make-ddi=sysext', `--copy-source=${inside('tree')}`, `--seed=${SEED}`],
          ...['--offline=yes', '--architecture=x86-64', ...signing(inside), inside('peer.raw')],
        ],
        { SOURCE_DATE_EPOCH: '0', SYSTEMD_REPART_MKFS_OPTIONS_EROFS: mkfs },
      ),
      before: () => rmSync(peer, { force: true }),
    },
    sizes: () => [statSync(ours).size, statSync(peer).size],
  }))
}

/** @param {(file: string) => string} locate */
function signing(locate) {
  return [`--private-key=${locate('bench.key')}`, `--certificate=${locate('bench.crt')}`]
}

/**
 * A tree with one file of 1 GiB that nobody can compress.
 * @param {string} tree
 */
export function writeLargeTree(tree) {
  const release = join(tree, 'usr/lib/extension-release.d')
  mkdirSync(release, { recursive: true })
  writeFileSync(join(release, 'extension-release.large'), 'ID=_any\n')
  const noise = createCipheriv('aes-128-ctr', new Uint8Array(16), new Uint8Array(16))
  const file = openSync(join(tree, 'usr/lib/noise'), 'w')
  const zeros = new Uint8Array(MEBIBYTE)
  for (let size = 0; size < GIBIBYTE; size += MEBIBYTE) writeSync(file, noise.update(zeros))
  closeSync(file)
}

/**
 * The hash tree of an image's file system, and the verification of the image, against veritysetup.
 * @param {Place} place Holds `large.raw` and `bench.crt`; takes `data`, `ours.hash` and `peer.hash`.
 * @param {{ offset: number, size: number }} data Where the file system is in the image.
 * @returns {Duel[]}
 */
export function hashDuels({ folder, where }, data) {
  const image = join(folder, 'large.raw')
  extract(image, join(folder, 'data'), data)
  const inside = (/** @type {string} */ name) => peerPath(folder, name, where)
  const script = fileURLToPath(new URL('hash-tree.mjs', import.meta.url))
  const options = [`--salt=${SALT}`, `--uuid=${UUID}`]
  const rootHash = () => readFileSync(join(folder, 'peer.roothash'), 'utf8').trim()
  const paths = [inside('data'), inside('peer.hash')]
  return [
    {
      name: 'hash tree over 1 GiB',
      target: HASH_TARGET,
      ours: {
        command: process.execPath,
        args: [script, join(folder, 'data'), join(folder, 'ours.hash'), SALT, UUID],
        before: () => rmSync(join(folder, 'ours.hash'), { force: true }),
      },
      peer: {
        ...inTree('veritysetup', [
          ...['format', ...paths, ...options, `--root-hash-file=${inside('peer.roothash')}`],
        ]),
        before: () => rmSync(join(folder, 'peer.hash'), { force: true }),
      },
      sizes: () => {
        const ours = readFileSync(join(folder, 'ours.hash'))
        const peer = readFileSync(join(folder, 'peer.hash'))
        if (!ours.equals(peer)) throw new Error('the hash trees differ')
        return [ours.length, peer.length]
      },
    },
    {
      name: 'verify 1 GiB',
      target: HASH_TARGET,
      ours: extsign('verify', image, '--quiet', `--certificate=${join(folder, 'bench.crt')}`),
      // Its root hash is there only after the duel above.
      get peer() {
        return inTree('veritysetup', ['verify', ...paths, rootHash()])
      },
    },
  ]
}

/** The time to say nothing much. @returns {Duel} */
export function startDuel() {
  return {
    name: '`extsign --help` against `node -e 0`',
    target: 1.5,
    ours: extsign('--help'),
    peer: { command: process.execPath, args: ['-e', '0'], env: { PATH: '' } },
  }
}

/**
 * @param {string} image
 * @param {string} target
 * @param {{ offset: number, size: number }} range
 */
function extract(image, target, { offset, size }) {
  copyFileSync(image, target)
  const file = openSync(target, 'r+')
  const buffer = new Uint8Array(MEBIBYTE)
  for (let done = 0; done < size; ) {
    const part = Math.min(buffer.length, size - done)
    const count = readSync(file, buffer, 0, part, offset + done)
    writeSync(file, buffer, 0, count, done)
    done += count
  }
  closeSync(file)
  truncateSync(target, size)
}
