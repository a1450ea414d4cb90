import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/bytes/hex.ts'
import { sha256 } from '../../../src/crypto/sha256.ts'
import { HashTreeBuilder } from '../../../src/formats/verity/hash-tree.ts'
import { treeGeometry } from '../../../src/formats/verity/tree-geometry.ts'

/** Block i is the number i, 1024 times. */
function block(index: number): Uint8Array {
  return new Uint8Array(new Uint32Array(1024).fill(index).buffer)
}

function build(blocks: number, salt: Uint8Array, data = block) {
  const emitted: number[] = []
  const tree = new HashTreeBuilder(salt, (_, index) => emitted.push(index))
  for (let index = 1; index < blocks; index++) tree.append(sha256(salt, data(index)))
  return { ...tree.finish(sha256(salt, data(0))), emitted, dataBlocks: tree.dataBlocks }
}

const ones = new Uint8Array(32).fill(0x11)

describe('HashTreeBuilder agrees with veritysetup', () => {
  test.each([
    [2, 8192, '8757ef36de219a0003f789c3cb6281196652eb43bf9bf6d675863c90c0f998e2'],
    [128, 8192, 'cf4ecea3e26667679713b967ce9f4fe98f3785d76e438f8e4fb26b979dba9989'],
    [129, 16384, 'b4de4e6f4b4248874fed99f1f960f925fd7019b39b88fb9de90ef0b91999a000'],
    [16384, 532480, '3a1cfbc2c570c6eeee195464e3e80537ef4e8b8054981c944b1e93b2214c651b'],
    [16385, 544768, 'a620a688384dfa159a79004516bd230946e43d2d30b66e655900a68870177729'],
  ])('on %i blocks', (blocks, size, rootHash) => {
    const tree = build(blocks, ones)
    expect(toHex(tree.rootHash)).toBe(rootHash)
    const geometry = treeGeometry({ hashBlockSize: 4096, dataBlocks: blocks })
    expect(geometry.size).toBe(size)
    expect(tree.dataBlocks).toBe(blocks)
    const lowest = Math.ceil(blocks / 128)
    expect(tree.emitted).toEqual(Array.from({ length: lowest - 1 }, (_, index) => index + 1))
    expect(4096 + tree.upperLevels.length).toBe(geometry.levels[0]?.offset)
    expect(geometry.levels[0]?.blocks).toBe(lowest)
  })

  test('without a salt', () => {
    expect(toHex(build(16385, new Uint8Array()).rootHash)).toBe(
      '2c20621eda9e8f8d6c656754f361b140237ed7cff790e8d67981fbb9bd3b7ced',
    )
  })

  test('on a single block, whose own hash is the root', () => {
    const data = () => new Uint8Array(4096).fill(0x41)
    const tree = build(1, fromHex('00'.repeat(32))!, data)
    expect(toHex(tree.rootHash)).toBe(
      'c1d17d66785f4c58173e5e0369a625651a4d579c81e110ffc78fab36575f5e5c',
    )
    expect(treeGeometry({ hashBlockSize: 4096, dataBlocks: 1 })).toEqual({ levels: [], size: 4096 })
    expect(tree.firstBlock).toBeUndefined()
  })
})

test('digests may come in runs of any length', () => {
  const salt = ones
  const digests = new Uint8Array(1000 * 32)
  for (let index = 0; index < 1000; index++) digests.set(sha256(salt, block(index)), index * 32)
  const roots = [1, 7, 127, 128, 129, 999].map((run) => {
    const tree = new HashTreeBuilder(salt, () => {})
    for (let at = 1; at < 1000; at += run) tree.append(digests.subarray(at * 32, (at + run) * 32))
    return toHex(tree.finish(digests.subarray(0, 32)).rootHash)
  })
  expect(new Set(roots).size).toBe(1)
})
