/** The steps of a machine that has booted, in their order. */

import type { Step } from '../harness/index.ts'
import { ACCEPTED, EVERYTHING, HARD_LINKS } from './accepted.ts'
import { contentFolder } from './content-folder.ts'
import { CRAFTED_STEP } from './crafted.ts'
import {
  attempt,
  compareChecksums,
  describeContent,
  merge,
  PLATFORM,
  PREPARE,
  unmerge,
} from './guest-steps.ts'
import { KINDS, ofKind } from './image.ts'
import { INSTALLED } from './installed.ts'
import { VERITY_D } from './keys.ts'
import { MERGE_STEP } from './merge-cases.ts'
import { READ_PCRS } from './pcr-steps.ts'
import { REFUSED, TOLERATED } from './refused.ts'
import { REPART_STEP } from './repart-images.ts'
import { UNUSABLE } from './unusable.ts'

const COUNT_LINKS: Step = {
  name: 'count links',
  script: `
cd /${contentFolder('sysext', HARD_LINKS.name)}
stat --format %h few/0
ls -U few many | grep -c '^[0-9]'
`,
}

const START_SERVICE: Step = {
  name: 'start hello.service',
  script: 'systemctl start hello.service && journalctl --output=cat --unit=hello.service',
}

export const HOST_STEPS: readonly Step[] = [
  PREPARE,
  PLATFORM,
  READ_PCRS,
  ...KINDS.flatMap((kind) => {
    const images = ofKind(ACCEPTED, kind)
    return [
      merge(`kernel alone, all ${kind}s`, kind, images, { verityD: [], userspace: false }),
      compareChecksums(`checksums of ${kind}s`, images),
      ...ofKind(EVERYTHING, kind).map(describeContent),
      ...(kind === 'sysext' ? [COUNT_LINKS, START_SERVICE] : []),
      unmerge(`unmerge ${kind}s`, kind),
    ]
  }),
  ...INSTALLED.map((image) =>
    attempt(`kernel alone, ${image.name}`, image, { verityD: VERITY_D, userspace: false }),
  ),
  ...KINDS.flatMap((kind) => {
    const images = ofKind(INSTALLED, kind)
    return [
      merge(`empty verity.d, ${kind}s`, kind, images, { verityD: [], userspace: true }),
      merge(`verity.d, ${kind}s`, kind, images, { verityD: VERITY_D, userspace: true }),
      compareChecksums(`checksums of ${kind}s by verity.d`, images),
      unmerge(`unmerge ${kind}s by verity.d`, kind),
    ]
  }),
  // Everybody who could accept these may.
  ...[...REFUSED, ...UNUSABLE, ...TOLERATED].map((image) =>
    attempt(`try ${image.name}`, image, {
      verityD: [...VERITY_D, 'platform-rsa2048'],
      userspace: true,
    }),
  ),
  CRAFTED_STEP,
  MERGE_STEP,
  REPART_STEP,
]
