/** Checks of what readers would do in the end. */

import { parseImagePolicy } from '../../formats/image-policy.ts'
import { evaluateImagePolicy } from '../../formats/image-policy-decision.ts'
import { foundPartitions } from '../read/found-partitions.ts'
import { verityPath } from '../read/sidecars.ts'
import type { Check, Problem } from './finding.ts'
import { predictPolicy } from './predict-readers.ts'
import type { Subject } from './subject.ts'

/** A file that makes systemd refuse the image. */
export const sidecars: Check<Subject> = {
  name: 'files beside the image',
  async run({ image }) {
    const { paths, stray, defects } = image.sidecars
    const read = defects.filter(({ isRead }) => isRead)
    const problems: Problem[] = read.map(({ role, path, fact, code }) => {
      const unproven = code === undefined && { unproven: true as const }
      return { expected: `a ${role} in ${path}`, found: fact, ...unproven }
    })
    if (image.gpt && stray) {
      const expected = `no root hash of another partition than ${image.designator}`
      problems.push({ expected, found: stray })
    }
    const verity = verityPath(image.sidecars)
    if (image.gpt && verity !== undefined) {
      problems.push({ expected: 'a hash tree in the image or beside it, not both', found: verity })
    }
    if (paths.length === 0 && problems.length === 0) return undefined
    const ignored = defects
      .filter(({ isRead }) => !isRead)
      .map(({ path, fact }) => `${path}: ${fact}`)
    const notes = ignored.length > 0 ? `; readers pass by ${ignored.join(', ')}` : ''
    return { problems, note: `${paths.join(', ')}${notes}` }
  },
}

/** The policy that was asked about. */
export const imagePolicy: Check<Subject> = {
  name: 'image policy',
  async run(subject) {
    const { image, options } = subject
    const { imagePolicy: text } = options
    if (text === undefined) return undefined
    const policy = parseImagePolicy(text)
    const { rejections } = evaluateImagePolicy(policy, foundPartitions(image))
    const problems: Problem[] = rejections.map(({ designator, expected, found }) => ({
      expected: `${designator}=${expected}`,
      found: `${designator}=${found}`,
    }))
    if (problems.length > 0) return { problems }
    const { verdict, reason } = predictPolicy(subject)
    if (verdict === 'accepts') return { problems, note: reason }
    const unproven = verdict === 'depends' && { unproven: true as const }
    return { problems: [{ expected: `an image for ${text}`, found: reason, ...unproven }] }
  },
}
