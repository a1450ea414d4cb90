import { expect, test } from 'vitest'
import { encodeLz4 } from '../../src/compression/lz4-encode.ts'
import { warmUpLz4 } from '../../src/compression/lz4-warm-up.ts'
import { mixture } from './samples.ts'

test('warming up changes no block', () => {
  const bytes = mixture(40_000, 8)
  const before = encodeLz4(bytes)?.slice()
  warmUpLz4()
  expect(encodeLz4(bytes)).toEqual(before)
})
