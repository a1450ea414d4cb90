import { describe, expect, test } from 'vitest'
import {
  ARCHITECTURES,
  architectureOfNode,
  isArchitecture,
  suggestArchitecture,
} from '../../../src/formats/release/architecture.ts'

test('there are 33 names, each of them once', () => {
  expect(ARCHITECTURES).toHaveLength(33)
  expect(new Set(ARCHITECTURES).size).toBe(33)
})

test.each(['x86-64', 'arm64', 'ppc64-le', 's390x', 'x86'])('knows %s', (name) => {
  expect(isArchitecture(name)).toBe(true)
})

test.each(['amd64', 'aarch64', 'x86_64', 'X86-64', '_any', '', 'constructor'])(
  'does not take %j for a name',
  (name) => {
    expect(isArchitecture(name)).toBe(false)
  },
)

describe('a suggestion', () => {
  test.each([
    ['amd64', 'x86-64'],
    ['x86_64', 'x86-64'],
    ['X64', 'x86-64'],
    ['aarch64', 'arm64'],
    ['ARM64', 'arm64'],
    ['armhf', 'arm'],
    ['i686', 'x86'],
    ['ppc64el', 'ppc64-le'],
    ['mips64el', 'mips64-le'],
    ['loong64', 'loongarch64'],
    ['hppa', 'parisc'],
    ['z80', undefined],
    ['', undefined],
    ['toString', undefined],
    ['__proto__', undefined],
  ])('for %j is %j', (alias, name) => {
    expect(suggestArchitecture(alias)).toBe(name)
  })

  test('is a name itself', () => {
    for (const alias of ['amd64', 'i386', 'armel', 'powerpc', 'mipsel', 'aarch64_be', 'riscv']) {
      expect(isArchitecture(suggestArchitecture(alias) ?? '')).toBe(true)
    }
  })
})

test.each([
  ['x64', 'LE', 'x86-64'],
  ['ia32', 'LE', 'x86'],
  ['arm', 'LE', 'arm'],
  ['arm64', 'LE', 'arm64'],
  ['loong64', 'LE', 'loongarch64'],
  ['mips', 'BE', 'mips'],
  ['mipsel', 'LE', 'mips-le'],
  ['ppc', 'BE', 'ppc'],
  ['ppc64', 'BE', 'ppc64'],
  ['ppc64', 'LE', 'ppc64-le'],
  ['riscv64', 'LE', 'riscv64'],
  ['s390', 'BE', 's390'],
  ['s390x', 'BE', 's390x'],
  ['wasm', 'LE', undefined],
  ['valueOf', 'LE', undefined],
] as const)('Node on %s %s runs on %s', (arch, endianness, name) => {
  expect(architectureOfNode(arch, endianness)).toBe(name)
})
