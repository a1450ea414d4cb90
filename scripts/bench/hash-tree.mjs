// @ts-check
/**
 * What `veritysetup format` does, with our library: the hash tree of a file of whole blocks,
 * superblock in front, and the root hash on standard output.
 *
 *     node scripts/bench/hash-tree.mjs DATA HASH SALT UUID
 */

import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { sha256 } from '../../dist/lib/crypto/sha256.js'
import {
  encodeVeritySuperblock,
  HashTreeBuilder,
  treeGeometry,
  VERITY_BLOCK_SIZE,
} from '../../dist/lib/formats/verity/index.js'
import { ordered } from '../../dist/lib/images/pipeline/ordered.js'
import { createPool } from '../../dist/lib/images/pipeline/pool.js'

const JOB_SIZE = 1024 * 1024

const [dataPath = '', hashPath = '', saltText = '', uuid = ''] = process.argv.slice(2)
const salt = new Uint8Array(Buffer.from(saltText, 'hex'))
const { size } = statSync(dataPath)
const data = openSync(dataPath, 'r')
const hash = openSync(hashPath, 'w')
const pool = createPool(undefined)
pool.expect(size)

const dataBlocks = size / VERITY_BLOCK_SIZE
const { levels } = treeGeometry({ hashBlockSize: VERITY_BLOCK_SIZE, dataBlocks })
const lowest = levels[0]?.offset ?? 0
const tree = new HashTreeBuilder(salt, (block, index) => {
  writeSync(hash, block, 0, block.length, lowest + index * VERITY_BLOCK_SIZE)
})
const hashing = (/** @type {{ start: number, size: number }} */ range) =>
  pool.run({ kind: 'hash', salt, file: data, path: dataPath, ...range })
// The builder takes the first block last.
for await (const { result } of ordered(ranges(), pool.window, hashing)) tree.append(result.digests)
const block0 = new Uint8Array(VERITY_BLOCK_SIZE)
readSync(data, block0, 0, block0.length, 0)
const { rootHash, upperLevels, firstBlock } = tree.finish(sha256(salt, block0))
await pool.close()
writeSync(hash, encodeVeritySuperblock({ uuid, salt, dataBlocks }), 0)
writeSync(hash, upperLevels, 0, upperLevels.length, VERITY_BLOCK_SIZE)
if (firstBlock) writeSync(hash, firstBlock, 0, firstBlock.length, lowest)
closeSync(hash)
closeSync(data)
console.log(Buffer.from(rootHash).toString('hex'))

function* ranges() {
  for (let start = VERITY_BLOCK_SIZE; start < size; start += JOB_SIZE) {
    yield { start, size: Math.min(JOB_SIZE, size - start) }
  }
}
