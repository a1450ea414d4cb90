/** Images that the guest makes with its own systemd-repart, and merges itself. */

import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExtensionKind } from '../../../src/images/options.ts'
import { prose, writeFile, writeRelease } from '../../support/sample-trees.ts'
import type { GuestRun, Step } from '../harness/index.ts'
import { IMAGE_FOLDERS, mergeCommand, readStatus, unmergeCommand } from './guest-steps.ts'
import { ofKind } from './image.ts'
import type { KeyName } from './keys.ts'
import { PAYLOAD, type Payload } from './payload.ts'

interface RepartImage {
  readonly name: string
  readonly kind: ExtensionKind
  readonly key: KeyName
  /** repart's own choice when absent: sectors of 512 bytes, and blocks of 4096. */
  readonly sectorSize?: 512 | 4096
}

export const REPART_IMAGES: readonly RepartImage[] = (
  [
    ['sysext', 'platform-rsa2048', undefined],
    ['sysext', 'platform-p256', undefined],
    ['sysext', 'platform-rsa4096', 4096],
    ['sysext', 'platform-rsa2048', 512],
    ['confext', 'platform-rsa4096', undefined],
    ['confext', 'platform-p256', undefined],
    ['confext', 'platform-rsa2048', 4096],
  ] as const
).map(([kind, key, sectorSize]) => {
  const name = `${kind}-by-${key}-${sectorSize ?? 'default'}`
  return { name, kind, key, ...(sectorSize && { sectorSize }) }
})

const isPlain = ({ sectorSize }: RepartImage) => sectorSize !== 512
const ROUNDS: readonly { readonly kind: ExtensionKind; readonly images: readonly RepartImage[] }[] =
  [
    { kind: 'sysext', images: ofKind(REPART_IMAGES, 'sysext').filter(isPlain) },
    ...REPART_IMAGES.filter((image) => !isPlain(image)).map((image) => {
      return { kind: image.kind, images: [image] }
    }),
    { kind: 'confext', images: ofKind(REPART_IMAGES, 'confext') },
  ]

export const REPART_STEP: Step = {
  name: 'systemd-repart',
  timeout: 200,
  script: [
    ...REPART_IMAGES.map(makeCommand),
    // An image that systemd cannot read keeps all others of its kind from being merged.
    ...ROUNDS.flatMap(({ kind, images }, round) => [
      `rm -rf ${IMAGE_FOLDERS[kind]} && mkdir ${IMAGE_FOLDERS[kind]}`,
      ...images.map((image) => `ln -s $PWD/${fileName(image)} ${IMAGE_FOLDERS[kind]}/`),
      mergeCommand(kind, { userspace: false }),
      `systemd-${kind} status --json=short >${round}.json`,
      unmergeCommand(kind),
    ]),
  ].join('\n'),
}

/** The image on the host. */
export function repartImage(run: GuestRun, image: RepartImage): string {
  return join(run.files(REPART_STEP.name), fileName(image))
}

/** Whether the guest has merged it, with nobody but the kernel to decide. */
export function isRepartImageMerged(run: GuestRun, image: RepartImage): boolean {
  const round = ROUNDS.findIndex(({ images }) => images.includes(image))
  const json = readFileSync(join(run.files(REPART_STEP.name), `${round}.json`), 'utf8')
  return readStatus(json).includes(image.name)
}

/** Adds trees and keys to a payload. */
export function addRepartTrees({ folder, bench }: Payload): void {
  for (const { name, kind, key } of REPART_IMAGES) {
    const tree = join(folder, 'repart', name)
    writeRelease(tree, kind, name)
    writeFile(join(tree, kind === 'sysext' ? 'usr/lib' : 'etc', name, 'text'), prose(50_000))
    copyFileSync(bench.keys[key].privateKey, join(folder, 'repart', `${name}.key`))
    copyFileSync(bench.keys[key].certificate, join(folder, 'repart', `${name}.crt`))
  }
}

function makeCommand(image: RepartImage): string {
  const { name, kind, sectorSize } = image
  const source = `${PAYLOAD}/repart/${name}`
  const size = sectorSize ? `--sector-size=${sectorSize} ` : ''
  return [
    `systemd-repart --make-ddi=${kind} --copy-source=${source} --seed=random --offline=yes`,
    `--private-key=${source}.key --certificate=${source}.crt ${size}${fileName(image)}`,
  ].join(' ')
}

function fileName({ name, kind }: RepartImage): string {
  return `${name}.${kind}.raw`
}
