import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { extendPcr, initialPcr, measureData, replayEvents } from '../../src/formats/pcr-event.ts'

/** What systemd-measure computes for `.linux` = `HALLO\n` and `.initrd` = `foobar\n`. */
const STEPS = [
  ['.linux\0', 'c8a68f22e44d0249e2cd4f1ef0e79f565542404acf7f073da98d9dde907cdc32'],
  ['HALLO\n', '5880291716494ea0e494d0c7f9763708b26b29f2f0ebcc45e9464623283f33f1'],
  ['.initrd\0', '65d12e79f144c4d903d95cf770511ba164d1be0a30ad3fca0b2d233007a7a0c7'],
  ['foobar\n', '37b48bd0b222394dbe3cceff2fca4660c4b0a90ae9369ec90b42f14489989c13'],
  ['enter-initrd', '0aa67f92271757adc73e44704977b080d37749d39c29a31d10c4f27f1e61bff0'],
] as const

const event = (pcr: number, data: string) =>
  measureData(pcr, data, encodeUtf8(data), ['sha1', 'sha256'])

test('a PCR is extended step by step', () => {
  const events = STEPS.map(([data]) => event(11, data))
  const values = events.map((_, index) => replayEvents('sha256', 11, events.slice(0, index + 1)))
  expect(values.map(toHex)).toEqual(STEPS.map(([, value]) => value))
  expect(toHex(replayEvents('sha1', 11, events.slice(0, 4)))).toBe(
    '5177e4ad69db92192c10e5f80402bf81bfec8a81',
  )
})

test.each([
  ['enter-initrd', '51e6b92f405d1f98d96e3de343d61d420ad6923b25de21d766f9298192f14fed'],
  ['leave-initrd', '3be261aff7db92bf507eae947f4003ffa2bcad0bffe3524601d62d0bc8be7135'],
  ['sysinit', '730bb5a583ba880c277e656d2dc8aba1a314a11b14d25b05153d2bab82567a48'],
  ['ready', 'b24d6d33736ecd5604a4b17bc9c6481039fac362bb7df044ef1c10a2bfd21db6'],
  ['shutdown', '08434ba9cdf55a02284e2913400586cd289878e0f055f7bb0b07ce392caeb989'],
  ['final', '2443630b4620165c8b173e7265e17526fe2787ae594364dd6d839ad58f2fc007'],
])('the digest of %s is that of the word', (word, digest) => {
  expect(toHex(event(11, word).digests.get('sha256')!)).toBe(digest)
})

test('events of other PCRs do not count, and one may start from a value', () => {
  const start = fromHex(STEPS[3][1])!
  const events = [event(12, 'x'), event(11, 'enter-initrd')]
  expect(toHex(replayEvents('sha256', 11, events, start))).toBe(STEPS[4][1])
  expect(replayEvents('sha256', 13, events)).toEqual(initialPcr('sha256'))
})

test('digests of another bank are a mistake', () => {
  expect(() => extendPcr('sha1', initialPcr('sha1'), new Uint8Array(32))).toThrow(RangeError)
  expect(() => replayEvents('sha512', 11, [event(11, 'x')])).toThrow('not hashed for sha512')
})
