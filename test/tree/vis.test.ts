import { expect, test } from 'vitest'
import { decodeVis } from '../../src/tree/vis.ts'

const VECTORS = [
  ['plain', [...Buffer.from('plain')]],
  ['a\\040b\\sc', [...Buffer.from('a b c')]],
  ['\\377\\000', [255, 0]],
  ['back\\\\slash', [...Buffer.from('back\\slash')]],
  ['ü\\134', [...Buffer.from('ü\\')]],
  ['', []],
] as const

test.each(VECTORS)('%s stands for its bytes', (text, bytes) => {
  expect([...decodeVis(text)]).toEqual(bytes)
})

test.each(['\\', '\\x41', '\\400', '\\08', 'tail\\1'])('refuses %s', (text) => {
  expect(() => decodeVis(text)).toThrow(SyntaxError)
})
