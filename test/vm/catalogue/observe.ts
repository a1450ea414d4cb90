/** What readers have done with an image, beside what `extsign verify` said they would. */

import { expect } from 'vitest'
import type { StepResult } from '../harness/index.ts'
import { readStatus } from './guest-steps.ts'
import { type ImageRecipe, imageName } from './image.ts'
import type { Prediction } from './predict.ts'

type Verdict = 'accepts' | 'refuses'

/** What `attempt` found out. */
export interface Observation {
  /** Whether it was merged. */
  readonly merged: boolean
  /** Whether it was, and all of its content could be read. */
  readonly systemd: Verdict
  /** How the kernel refused the signature, if it did. */
  readonly kernelError: string | undefined
  /** What systemd's own check came to, if there was one. */
  readonly userspace: Verdict | undefined
}

/** How the C library spells out what the kernel says to a signature. */
const ERRORS: Readonly<Record<string, string>> = {
  EBADMSG: 'Bad message',
  EINVAL: 'Invalid argument',
  EKEYREJECTED: 'Key was rejected by service',
  ENOKEY: 'Required key not available',
}

/** Reads what came of an attempt. */
export function observe({ stdout, stderr }: StepResult): Observation {
  const said = stdout.split('\n')
  const answers = [...stderr.matchAll(/Userspace PKCS#7 validation (succeeded|failed)/g)]
  const succeeded = answers.some(([, answer]) => answer === 'succeeded')
  return {
    merged: said.includes('merged'),
    systemd: said.includes('read') ? 'accepts' : 'refuses',
    kernelError: /reload ioctl on .* failed: (.*)/.exec(stderr)?.[1],
    userspace: answers.length === 0 ? undefined : succeeded ? 'accepts' : 'refuses',
  }
}

/** Userspace is asked where it may be, once the kernel has refused a signature. */
export function expectAsPredicted(
  { kernelError, userspace, systemd }: Observation,
  prediction: Prediction,
  userspaceAllowed: boolean,
): void {
  const errors = errorsIn(prediction.kernel.reason)
  const asked = userspaceAllowed && errors.length > 0
  expect({ systemd, userspace }).toEqual({
    systemd: prediction.systemd.verdict,
    userspace: asked ? prediction.userspace.verdict : undefined,
  })
  expect(errors.length === 0 ? [undefined] : errors).toContain(kernelError)
}

/** The errors a reason begins with; there is none where the kernel is not asked. */
function errorsIn(reason: string): readonly (string | undefined)[] {
  const names = /^(E[A-Z]+(?:, E[A-Z]+)*(?: or E[A-Z]+)?):/.exec(reason)?.[1]
  return names?.split(/, | or /).map((name) => ERRORS[name]) ?? []
}

/** The names of the images that a step of `merge` has merged, each once. */
export function mergedAfter({ stdout }: StepResult): readonly string[] {
  return [...new Set(readStatus(stdout))].sort()
}

/** The names that {@link mergedAfter} gives when all of these are merged. */
export function namesOf(images: readonly ImageRecipe[]): readonly string[] {
  return images.map(imageName).sort()
}
