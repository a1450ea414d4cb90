/**
 * The table of merge decisions as signed images and root folders, and the step that lets systemd
 * decide them. The cases of one host are one root, whose images systemd decides one by one.
 */

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { KINDS } from '../../../src/formats/release/kind.ts'
import { makeImageOfTree } from '../../support/image-of-tree.ts'
import { type MergeCase, readMergeCases } from '../../support/merge-decisions.ts'
import { writeFile } from '../../support/sample-trees.ts'
import type { GuestRun, Step } from '../harness/index.ts'
import { signingWith } from './image.ts'
import { PAYLOAD, type Payload } from './payload.ts'

export interface DecidedCase extends MergeCase {
  /** What its image is called: a name that sorts like the case's place in the table. */
  readonly image: string
  /** The folder of the host it is decided for. */
  readonly root: string
}

export const MERGE_CASES: readonly DecidedCase[] = readMergeCases().map((entry, index, cases) => {
  const first = cases.findIndex((other) => hostOf(other) === hostOf(entry))
  return { ...entry, image: caseName(index), root: `host-of-${caseName(first)}` }
})

const HOSTS = new Map(MERGE_CASES.map((entry) => [entry.root, entry]))
const IMAGE_FOLDERS = { sysext: 'var/lib/extensions', confext: 'var/lib/confexts' } as const

export const MERGE_STEP: Step = {
  name: 'merge decisions',
  timeout: 300,
  script: [
    // An overlay can be stacked on memory, and mounts below /run would stay in systemd's namespace.
    'mount -t tmpfs tmpfs /mnt',
    ...[...HOSTS].flatMap(([root, { kind, scope }]) => {
      const hierarchy = `/mnt/${root}/${kind === 'sysext' ? 'usr' : 'etc'}`
      // 257 asks whether it runs in an initrd itself, 262 whether the root is one.
      const environment = `SYSTEMD_LOG_LEVEL=debug SYSTEMD_IN_INITRD=${scope === 'initrd' ? 1 : 0}`
      return [
        `cp -r ${PAYLOAD}/hosts/${root} /mnt/`,
        `${environment} systemd-${kind} --root=/mnt/${root} merge >${root}.log 2>&1`,
        `ls ${hierarchy} >${root}.merged`,
        `umount ${hierarchy}`,
      ]
    }),
    'umount /mnt',
  ].join('\n'),
}

/** The image of a case on the host. */
export function caseImage({ folder }: Payload, { root, kind, image }: DecidedCase): string {
  return join(folder, 'hosts', root, IMAGE_FOLDERS[kind], `${image}.raw`)
}

/** Whether systemd has merged the image of a case. */
export function isCaseMerged(run: GuestRun, { root, image }: DecidedCase): boolean {
  return readResult(run, `${root}.merged`).includes(image)
}

/** What systemd said about a case. */
export function logOfCase(run: GuestRun, { root, image }: DecidedCase): readonly string[] {
  return readResult(run, `${root}.log`).filter((line) => line.includes(image))
}

/** Adds the cases to a payload. */
export async function addMergeCases(payload: Payload): Promise<void> {
  for (const [root, { kind, scope, host }] of HOSTS) {
    const folder = join(payload.folder, 'hosts', root)
    for (const directory of ['etc', 'usr/lib', 'opt', 'run', 'tmp', IMAGE_FOLDERS[kind]]) {
      mkdirSync(join(folder, directory), { recursive: true })
    }
    writeFile(join(folder, 'etc/os-release'), host)
    if (scope === 'initrd') writeFile(join(folder, 'etc/initrd-release'), host)
  }
  for (const entry of MERGE_CASES) await makeImage(payload, entry)
}

async function makeImage(payload: Payload, entry: DecidedCase): Promise<void> {
  const { kind, extension, image } = entry
  const { folder, keys } = payload.bench
  const tree = join(folder, image)
  writeFile(join(tree, KINDS[kind].releaseDirectory, `extension-release.${image}`), extension)
  writeFile(join(tree, kind === 'sysext' ? 'usr' : 'etc', image), `${image}\n`)

  const output = caseImage(payload, entry)
  const signing = await signingWith(keys)
  await makeImageOfTree({ kind, tree, output, name: image, ...signing })
}

function readResult(run: GuestRun, file: string): readonly string[] {
  return readFileSync(join(run.files(MERGE_STEP.name), file), 'utf8').split('\n')
}

function hostOf({ kind, scope, host }: MergeCase): string {
  return JSON.stringify([kind, scope, host])
}

function caseName(index: number): string {
  return `case${String(index).padStart(3, '0')}`
}
