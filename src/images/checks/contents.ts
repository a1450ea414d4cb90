/** Checks of the file system: that it can be mounted, and that it is an extension. */

import { encodeUtf8 } from '../../bytes/utf8.ts'
import { SUPERBLOCK_OFFSET } from '../../formats/erofs/layout.ts'
import {
  decideMerge,
  type ExtensionKind,
  findFieldProblem,
  KINDS,
  parseEnvFile,
} from '../../formats/release/index.ts'
import { attempt, failureOf, resultOf } from '../read/attempt.ts'
import { type ImageRelease, OS_RELEASE_LOOP } from '../read/contents.ts'
import { coveredSize } from '../read/covered-size.ts'
import { mountedType } from '../read/probe-image.ts'
import type { Check, Problem } from './finding.ts'
import { deviceBlockSize, findCut, findMountObjections } from './mount-objections.ts'
import { isReadElsewhere, isReleaseUnread } from './obstacles.ts'
import type { Subject } from './subject.ts'

const PORTABLE_BLOCK_SIZE = 4096

/** What is read here is what systemd mounts: libblkid names it, and nothing else. */
export const contentType: Check<Subject> = {
  name: 'content type',
  async run({ image: { probes, disguise } }) {
    if (!probes) return undefined
    if (disguise) {
      const { found, offset, certain } = disguise
      const unproven = !certain && { unproven: true as const }
      return { problems: [{ expected: 'one file system', found, offset, ...unproven }] }
    }
    return { problems: [], note: mountedType(probes) ?? 'none that libblkid knows' }
  },
}

export const filesystem: Check<Subject> = {
  name: 'file system',
  async run(subject) {
    const { image, contents, superblock } = subject
    const { data, filesystem: type } = image
    if (!data || image.disguise) return undefined
    if (type === undefined) {
      const found = 'neither: what is in it has not been looked at'
      return {
        problems: [{ expected: 'EROFS or squashfs', found, offset: data.offset, unproven: true }],
      }
    }
    const error = failureOf(contents)
    if (error) {
      return {
        problems: [
          {
            expected: 'an EROFS file system that can be read',
            found: error.fact,
            offset: data.offset + (error.offset ?? 0),
            // What cannot be read by this program others may be able to read.
            ...(isReadElsewhere(contents) && { unproven: true as const }),
          },
        ],
      }
    }
    const value = resultOf(contents)
    const covered = coveredSize(data, superblock)
    if (!value) {
      const cut = findCut(resultOf(subject.squashfs) ?? 0, covered)
      return { problems: cut ? [cut] : [], note: 'squashfs; its contents are not looked at' }
    }
    const { blockSize, blocks } = value.erofs
    const cut = findCut(blocks * blockSize, covered)
    const problems: Problem[] = cut ? [cut] : []
    for (const { reader: _, ...problem } of findMountObjections(
      value.erofs,
      deviceBlockSize(subject, subject.rootHashes.seals['systemd 262']),
    )) {
      problems.push(problem)
    }
    const limit =
      blockSize > PORTABLE_BLOCK_SIZE
        ? `; kernels with pages of ${PORTABLE_BLOCK_SIZE} bytes cannot mount it`
        : ''
    const front = await data.source.read(0, SUPERBLOCK_OFFSET)
    const unusual = front.some((byte) => byte !== 0)
      ? '; the bytes in front of its superblock are not zero'
      : ''
    return { problems, note: `EROFS, ${blocks} blocks of ${blockSize} bytes${limit}${unusual}` }
  },
}

/** What systemd looks for, by the name of the file. */
export const extensionRelease: Check<Subject> = {
  name: 'extension-release',
  async run({ contents }) {
    const value = resultOf(contents)
    if (!value) return undefined
    const { releases } = value
    if (releases.length === 0) {
      const expected = Object.values(KINDS).map(({ releaseDirectory }) => releaseDirectory)
      return { problems: [{ expected: `a file in ${expected.join(' or ')}`, found: 'none' }] }
    }
    return {
      problems: releases.flatMap(findReleaseProblems),
      note: releases.map(describeRelease).join('; '),
    }
  },
}

function findReleaseProblems({ kind, imageName, lookup, path, release }: ImageRelease): Problem[] {
  if (imageName === undefined || !lookup) {
    return [{ expected: `the file name of a ${kind}`, found: 'one without an image name' }]
  }
  if ('problem' in lookup) {
    const expected = `${KINDS[kind].releaseDirectory}/extension-release.${imageName}`
    return [{ expected, found: lookup.explanation }]
  }
  const error = failureOf(release)
  if (error) {
    const unproven = isReleaseUnread(error) && { unproven: true as const }
    return [{ expected: 'a release file', found: error.message, ...unproven }]
  }
  const fields = resultOf(release)
  if (fields && !fields.has('ID')) {
    return [{ expected: `ID in ${path}`, found: 'none: nothing merges an extension without it' }]
  }
  return [...(fields ?? [])].flatMap(([key, text]) => {
    const problem = findFieldProblem(kind, key, text)?.problem
    return problem ? [{ expected: `${key} in ${path}`, found: `${key}=${text} ${problem}` }] : []
  })
}

function describeRelease({ kind, path, lookup }: ImageRelease): string {
  const rule = lookup && 'rule' in lookup ? ` (${lookup.rule.replaceAll('-', ' ')})` : ''
  return `${kind}: ${path ?? 'none'}${rule}`
}

/** Only what is merged, and nothing that makes systemd refuse the image. */
export const hierarchies: Check<Subject> = {
  name: 'hierarchies',
  async run({ contents }) {
    const value = resultOf(contents)
    if (!value) return undefined
    const { topLevel, releases, osRelease } = value
    const present = value.hierarchies
    const problems: Problem[] = []
    if (osRelease === 'there') {
      const found = 'there: systemd takes the image for an operating system and refuses it'
      problems.push({ expected: 'no usr/lib/os-release', found })
    }
    const isLoop = present.some(({ name, defect }) => name === 'usr' && defect?.code === 'ELOOP')
    if (osRelease === 'ELOOP' && !isLoop) {
      problems.push({ expected: 'no usr/lib/os-release', found: OS_RELEASE_LOOP })
    }
    for (const { name, defect } of present) {
      if (!defect || defect.code === 'ENOENT') continue
      problems.push({ expected: `${name}: a directory`, found: `${name}: ${defect.fact}` })
    }
    const merged = releases.flatMap(({ kind }) => KINDS[kind].hierarchies)
    if (releases.length > 0 && !present.some(({ defect }) => defect?.code !== 'ENOENT')) {
      const expected = `one of ${merged.join(', ')}`
      problems.push({ expected, found: topLevel.join(', ') || 'nothing' })
    }
    const used = present.flatMap(({ name, defect }) => (defect ? [] : [name]))
    const others = topLevel.filter((name) => !used.includes(name))
    const ignored = others.length > 0 ? `; systemd ignores ${others.join(', ')}` : ''
    return { problems, note: `${used.join(', ')}${ignored}` }
  },
}

/** The whole decision of systemd for the target that was given. */
export const merge: Check<Subject> = {
  name: 'merge',
  async run({ contents, options }) {
    const { osRelease } = options
    if (!osRelease) return undefined
    const { path, text } = osRelease
    const host = await attempt(() => parseEnvFile(encodeUtf8(text), path))
    const hostFields = resultOf(host)
    if (!hostFields) {
      return {
        problems: [{ expected: 'an os-release file', found: String(failureOf(host)?.message) }],
      }
    }
    const outcomes: { problems: Problem[]; notes: string[] } = { problems: [], notes: [] }
    for (const { kind, release } of resultOf(contents)?.releases ?? []) {
      const fields = resultOf(release)
      if (!fields) continue
      const decision = await attempt(() =>
        decideMerge(fields, hostFields, {
          kind,
          scope: options.scope ?? 'system',
          architecture: options.architecture,
        }),
      )
      const value = resultOf(decision)
      if (!value) {
        outcomes.problems.push({ expected: path, found: String(failureOf(decision)?.message) })
      } else if (value.merges) {
        outcomes.notes.push(describeMatch(kind, value.match.rule, value.match.explanation))
      } else {
        const { rule, field, expected, found, explanation } = value.mismatch
        const name = field ?? 'fields'
        outcomes.problems.push({
          expected: `${name} ${expected}`,
          found: `${name} ${found}: ${explanation} (rule ${rule})`,
        })
      }
    }
    const { problems, notes } = outcomes
    if (problems.length > 0 || notes.length > 0) return { problems, note: notes.join('; ') }
    return {
      problems: [
        {
          expected: `an extension for ${path}`,
          found: 'not decided: no release file that could be read',
          unproven: true,
        },
      ],
    }
  },
}

function describeMatch(kind: ExtensionKind, rule: string, explanation: string): string {
  return `${kind} is merged: ${explanation} (rule ${rule})`
}
