import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/errors.ts'
import {
  DEFAULT_POLICIES,
  POLICY_DESIGNATORS,
  parseImagePolicy,
  policyFor,
} from '../../src/formats/image-policy.ts'
import {
  evaluateImagePolicy,
  type FoundPartition,
} from '../../src/formats/image-policy-decision.ts'

const OPEN = 'verity+signed+encrypted+encryptedwithintegrity+unprotected+unused+absent'
const IGNORE = 'unused+absent'
const NO_VERITY = 'encrypted+encryptedwithintegrity+unprotected+unused+absent'

describe('reading', () => {
  // What `systemd-analyze image-policy` of systemd 262 prints.
  test.each([
    ['-', { root: IGNORE, home: IGNORE, 'root-verity': IGNORE }],
    ['', { root: IGNORE, 'usr-verity-sig': IGNORE }],
    ['~', { root: 'absent', home: 'absent', 'root-verity': 'absent' }],
    ['=absent', { root: 'absent', var: 'absent' }],
    ['*', { root: OPEN, usr: OPEN, esp: NO_VERITY, 'root-verity': 'unprotected+unused+absent' }],
    [
      'root=-',
      { root: OPEN, usr: IGNORE, 'root-verity': 'unprotected+unused+absent', 'usr-verity': IGNORE },
    ],
    [
      'root=verity+signed',
      { root: 'verity+signed', 'root-verity': 'unprotected', 'root-verity-sig': 'unprotected' },
    ],
    ['root=verity', { 'root-verity': 'unprotected', 'root-verity-sig': IGNORE }],
    ['root=unprotected', { 'root-verity': IGNORE, 'root-verity-sig': IGNORE }],
    [
      'root-verity=encrypted+unprotected:home=verity+unprotected',
      { root: IGNORE, home: 'unprotected', 'root-verity': 'unprotected' },
    ],
    [
      'usr=signed+absent:=absent',
      {
        usr: 'signed+absent',
        'usr-verity': 'unprotected+absent',
        'usr-verity-sig': 'unprotected+absent',
        root: 'absent',
      },
    ],
    ['root=ignore:usr=open', { root: IGNORE, usr: OPEN }],
    [' root = signed + absent ', { root: 'signed+absent' }],
  ])('%j', (text, expected) => {
    const policy = parseImagePolicy(text)
    for (const [designator, uses] of Object.entries(expected)) {
      const known = POLICY_DESIGNATORS.find((name) => name === designator)!
      expect(policyFor(policy, known).uses.join('+'), designator).toBe(uses)
    }
  })

  test.each([
    ['root=read-only-on', true, undefined],
    ['root=read-only-off+growfs-off', false, false],
    ['root=read-only-on+read-only-off', undefined, undefined],
    ['root=growfs-on', undefined, true],
  ])('the bits of %j', (text, readOnly, growfs) => {
    expect(policyFor(parseImagePolicy(text), 'root')).toMatchObject({ readOnly, growfs })
  })

  test.each([
    ['root', 'rule "root" has no equals sign'],
    ['root=signed:', 'rule "" has no equals sign'],
    ['rooot=signed', 'unknown designator "rooot"'],
    ['root=sined', 'unknown flag "sined"'],
    ['root=signed++absent', 'unknown flag ""'],
    ['root=signed:root=absent', 'designator root given twice'],
    ['=absent:=open', 'default given twice'],
    ['toString', 'no equals sign'],
    ['__proto__=absent', 'unknown designator'],
  ])('refuses %j', (text, message) => {
    expect(() => parseImagePolicy(text)).toThrow(FormatError)
    expect(() => parseImagePolicy(text)).toThrow(message)
  })

  test('gives a policy or a FormatError for any text', () => {
    const words = fc.constantFrom('root', 'usr', '=', ':', '+', 'signed', 'absent', 'x', ' ', '-')
    fc.assert(
      fc.property(
        fc.array(words).map((parts) => parts.join('')),
        (text) => {
          try {
            expect(parseImagePolicy(text).fallback.uses.length).toBeGreaterThan(0)
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError)
          }
        },
      ),
    )
  })
})

describe('deciding', () => {
  const data: FoundPartition = {
    designator: 'root',
    readOnly: true,
    growfs: false,
    filesystem: 'erofs',
  }
  const hash: FoundPartition = { designator: 'root-verity', readOnly: true, growfs: false }
  const signature: FoundPartition = { designator: 'root-verity-sig', readOnly: true, growfs: false }
  const plain = [data]
  const verity = [data, hash]
  const signed = [data, hash, signature]

  const images = { plain, verity, signed }
  // Acceptance agrees with `systemd-dissect --validate` of systemd 262.
  test.each<[string, keyof typeof images, string | undefined]>([
    [DEFAULT_POLICIES.sysext, 'plain', undefined],
    [DEFAULT_POLICIES.sysext, 'verity', undefined],
    [DEFAULT_POLICIES.sysext, 'signed', undefined],
    [DEFAULT_POLICIES['sysext-strict'], 'plain', 'root'],
    [DEFAULT_POLICIES['sysext-strict'], 'verity', 'root'],
    [DEFAULT_POLICIES['sysext-strict'], 'signed', undefined],
    [DEFAULT_POLICIES.confext, 'verity', undefined],
    [DEFAULT_POLICIES['confext-strict'], 'verity', 'root'],
    [DEFAULT_POLICIES.untrusted, 'signed', undefined],
    [DEFAULT_POLICIES.deny, 'signed', 'root'],
    ['root=verity+signed', 'signed', undefined],
    ['root=verity+signed', 'verity', 'root-verity-sig'],
    ['root=verity+signed+absent', 'verity', undefined],
    ['root=verity+signed', 'plain', 'root'],
    ['root=signed', 'verity', 'root'],
    ['root=verity', 'signed', undefined],
    ['root=verity', 'verity', undefined],
    ['root=verity+absent', 'signed', undefined],
    ['root=verity+absent', 'plain', 'root'],
    ['root=unprotected', 'signed', undefined],
    ['root=encrypted', 'signed', 'root'],
    ['usr=signed', 'signed', 'usr'],
    ['root=signed:root-verity=absent', 'signed', 'root'],
    ['root=unprotected:root-verity-sig=unprotected', 'signed', 'root-verity-sig'],
    ['root=signed+read-only-on', 'signed', undefined],
    ['root=signed+read-only-off', 'signed', 'root'],
    ['root=signed+growfs-on', 'signed', 'root'],
    ['root=signed+squashfs', 'signed', 'root'],
    ['root=signed+squashfs+erofs', 'signed', undefined],
    ['*', 'plain', undefined],
    ['*', 'signed', undefined],
    ['-', 'signed', 'root'],
  ])('%s about a %s image', (text, image, rejected) => {
    const { rejections } = evaluateImagePolicy(parseImagePolicy(text), images[image])
    expect(rejections[0]?.designator).toBe(rejected)
  })

  test('names what is allowed and what is there', () => {
    const { rejections } = evaluateImagePolicy(parseImagePolicy('root=signed+absent'), verity)
    expect(rejections).toEqual([
      {
        designator: 'root',
        expected: 'signed+absent',
        found: 'verity+unprotected+unused',
      },
    ])
  })

  test('says that a partition must not be there', () => {
    const { rejections } = evaluateImagePolicy(parseImagePolicy('~'), plain)
    expect(rejections).toContainEqual({ designator: 'root', expected: 'absent', found: 'present' })
  })

  test('tells how the root may be used', () => {
    const uses = (text: string, found: readonly FoundPartition[]) =>
      evaluateImagePolicy(parseImagePolicy(text), found).uses.get('root')
    expect(uses('root=signed', signed)).toEqual(['signed'])
    expect(uses('root=verity+signed', signed)).toEqual(['verity', 'signed'])
    expect(uses('root=unprotected', signed)).toEqual(['unprotected'])
    expect(uses('-', signed)).toEqual(['unused'])
    expect(uses('root=signed+absent', [])).toEqual(['absent'])
  })

  test('leaves open whether something without file system is encrypted', () => {
    const { rejections } = evaluateImagePolicy(parseImagePolicy('root=encrypted'), [
      { designator: 'root' },
    ])
    expect(rejections).toEqual([])
  })

  test('does not look at bits an image without partition table cannot have', () => {
    const bare: FoundPartition[] = [{ designator: 'root', filesystem: 'squashfs' }]
    const { rejections } = evaluateImagePolicy(
      parseImagePolicy('root=unprotected+read-only-on'),
      bare,
    )
    expect(rejections).toEqual([])
  })
})
