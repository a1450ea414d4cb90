/**
 * Image policies: which partitions an image may have, and how they must be protected.
 *
 * See systemd.image-policy(7) and systemd src/shared/image-policy.c.
 */

import { FormatError } from '../errors.ts'

export const POLICY_DESIGNATORS = [
  'root',
  'usr',
  'home',
  'srv',
  'esp',
  'xbootldr',
  'swap',
  'root-verity',
  'root-verity-sig',
  'usr-verity',
  'usr-verity-sig',
  'tmp',
  'var',
] as const
export type PolicyDesignator = (typeof POLICY_DESIGNATORS)[number]

/** A state a partition may be in; several in a policy mean "any of these". */
const USES = [
  'verity',
  'signed',
  'encrypted',
  'encryptedwithintegrity',
  'unprotected',
  'unused',
  'absent',
] as const
export type PolicyUse = (typeof USES)[number]

const FILESYSTEMS = ['btrfs', 'erofs', 'ext4', 'f2fs', 'squashfs', 'vfat', 'xfs']

/** What a policy says about one designator. */
export interface PartitionPolicy {
  readonly uses: readonly PolicyUse[]
  /** What the GPT bit must be; undefined where the policy does not care. */
  readonly readOnly: boolean | undefined
  readonly growfs: boolean | undefined
  /** File systems allowed; empty where the policy does not care. */
  readonly filesystems: readonly string[]
}

export interface ImagePolicy {
  readonly designators: ReadonlyMap<PolicyDesignator, PartitionPolicy>
  /** For every designator that is not listed. */
  readonly fallback: PartitionPolicy
}

/** The policies systemd uses where nobody names one, in its own syntax. */
export const DEFAULT_POLICIES = {
  sysext:
    'root=verity+signed+encrypted+encryptedwithintegrity+unprotected+absent:usr=verity+signed+encrypted+encryptedwithintegrity+unprotected+absent',
  'sysext-strict': 'root=signed+absent:usr=signed+absent',
  confext: 'root=verity+signed+encrypted+encryptedwithintegrity+unprotected+absent',
  'confext-strict': 'root=signed+absent',
  deny: '~',
  untrusted: 'root=signed+absent:usr=signed+absent',
} as const

const FORMAT = 'image policy'
const VERITY_DESIGNATOR = /^(root|usr)-verity(-sig)?$/
const ANY = { readOnly: undefined, growfs: undefined, filesystems: [] } as const
const IGNORE: PartitionPolicy = { uses: ['unused', 'absent'], ...ANY }
const SPECIAL: ReadonlyMap<string, PartitionPolicy> = new Map([
  ['*', { uses: USES, ...ANY }],
  ['-', IGNORE],
  ['', IGNORE],
  ['~', { uses: ['absent'], ...ANY }],
])

/**
 * Reads a policy such as `root=signed+absent:usr=signed+absent`.
 *
 * @throws FormatError naming the word it does not know, or the designator that is there twice.
 */
export function parseImagePolicy(text: string): ImagePolicy {
  const special = SPECIAL.get(text)
  if (special) return { designators: new Map(), fallback: special }
  const designators = new Map<PolicyDesignator, PartitionPolicy>()
  let fallback: PartitionPolicy | undefined
  for (const rule of text.split(':')) {
    const equals = rule.indexOf('=')
    if (equals < 0) throw badPolicy(`rule ${JSON.stringify(rule)} has no equals sign`)
    const name = rule.slice(0, equals).trim()
    const policy = parseFlags(rule.slice(equals + 1))
    if (name === '') {
      if (fallback) throw badPolicy('default given twice')
      fallback = policy
      continue
    }
    const designator = POLICY_DESIGNATORS.find((known) => known === name)
    if (!designator) throw badPolicy(`unknown designator ${JSON.stringify(name)}`)
    if (designators.has(designator)) throw badPolicy(`designator ${designator} given twice`)
    designators.set(designator, policy)
  }
  return { designators, fallback: fallback ?? IGNORE }
}

function parseFlags(text: string): PartitionPolicy {
  const uses = new Set<PolicyUse>()
  const filesystems: string[] = []
  const readOnly = new Set<boolean>()
  const growfs = new Set<boolean>()
  for (const word of splitFlags(text)) {
    const use = USES.find((known) => known === word)
    if (use) uses.add(use)
    else if (word === 'open') for (const each of USES) uses.add(each)
    else if (word === 'ignore') uses.add('unused').add('absent')
    else if (word === 'read-only-on' || word === 'read-only-off') readOnly.add(word.endsWith('on'))
    else if (word === 'growfs-on' || word === 'growfs-off') growfs.add(word.endsWith('on'))
    else if (FILESYSTEMS.includes(word)) filesystems.push(word)
    else throw badPolicy(`unknown flag ${JSON.stringify(word)}`)
  }
  return {
    uses: uses.size === 0 ? USES : USES.filter((use) => uses.has(use)),
    readOnly: onlyValue(readOnly),
    growfs: onlyValue(growfs),
    filesystems,
  }
}

/** No flags at all, also spelled `-`, leave everything open. */
function splitFlags(text: string): string[] {
  const flags = text.trim()
  return flags === '' || flags === '-' ? [] : flags.split('+').map((word) => word.trim())
}

/** What is asked for, unless nothing or everything is. */
function onlyValue(values: ReadonlySet<boolean>): boolean | undefined {
  return values.size === 1 ? values.has(true) : undefined
}

function badPolicy(message: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', message)
}

/** What `policy` demands of a designator, listed or not. */
export function policyFor(policy: ImagePolicy, designator: PolicyDesignator): PartitionPolicy {
  const demanded =
    policy.designators.get(designator) ?? derivedPolicy(policy, designator) ?? policy.fallback
  const senseless = senselessUses(designator)
  return { ...demanded, uses: demanded.uses.filter((use) => !senseless.includes(use)) }
}

/** The policy of a hash or signature partition that follows from that of the data it protects. */
function derivedPolicy(
  policy: ImagePolicy,
  designator: PolicyDesignator,
): PartitionPolicy | undefined {
  const match = VERITY_DESIGNATOR.exec(designator)
  const data = match && policy.designators.get(match[1] === 'usr' ? 'usr' : 'root')
  if (!data) return undefined
  const isHash = match[2] === undefined
  if (!data.uses.includes('signed') && !(isHash && data.uses.includes('verity'))) return undefined
  const optional = data.uses.filter((use) => use === 'unused' || use === 'absent')
  return { ...data, uses: ['unprotected', ...optional], filesystems: [] }
}

/** Flags without meaning: the protection needs none itself, and only root and usr can have it. */
function senselessUses(designator: PolicyDesignator): readonly PolicyUse[] {
  if (VERITY_DESIGNATOR.test(designator)) {
    return ['verity', 'signed', 'encrypted', 'encryptedwithintegrity']
  }
  return designator === 'root' || designator === 'usr' ? [] : ['verity', 'signed']
}
