/** Keys enrolled by the firmware itself, from what `extsign trust enroll` made. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { acceleration, MACHINE } from '../../../scripts/provision/acceleration.mjs'
import { type TreeName, treeFolder } from '../../../scripts/provision/trees.mjs'
import { extsign } from '../../support/extsign.ts'
import type { KeyFiles } from '../../support/keys.ts'
import { outputInTree } from '../../support/reference-trees.ts'
import { makeEsp } from './disks.ts'
import { OVMF } from './firmware.ts'
import { start } from './process.ts'

/** The variables that are enrolled. */
export const VARIABLES = ['PK', 'KEK', 'db'] as const

export interface EnrolmentKeys {
  readonly pk: KeyFiles
  readonly kek: KeyFiles
  readonly db: readonly KeyFiles[]
}

export interface Enrolment {
  /** What firmware and systemd-boot said. */
  readonly console: string
  /** Path of the firmware's variables. */
  readonly variables: string
  /** Their values by name, as virt-fw-vars finds them, in hexadecimal. */
  readonly values: ReadonlyMap<string, string>
}

/** Far more than emulated firmware takes, also on a busy machine. */
const BOOT_SECONDS = 240

/** Makes `PK.auth`, `KEK.auth` and `db.auth`, and the lists they enrol, in a new folder. */
export function makeUpdates({ pk, kek, db }: EnrolmentKeys, folder: string): void {
  extsign([
    ...['trust', 'enroll', folder, ...db.map(({ certificate }) => certificate)],
    ...['--timestamp', '@1700000000'],
    ...['--private-key', pk.privateKey, '--certificate', pk.certificate],
    ...['--kek-private-key', kek.privateKey, '--kek-certificate', kek.certificate],
  ])
}

/**
 * Boots a machine without keys from a disk with systemd-boot and the updates in `from`, until it
 * restarts with them or gives up.
 *
 * @param folder For the variables; new.
 */
export async function enrolInSetupMode(
  tree: TreeName,
  from: string,
  folder: string,
): Promise<Enrolment> {
  mkdirSync(folder)
  const variables = join(folder, 'variables.fd')
  copyFileSync(join(OVMF, 'OVMF_VARS_4M.fd'), variables)
  writeFileSync(join(folder, 'loader.conf'), 'timeout 0\nsecure-boot-enroll force\n')
  const updates = VARIABLES.map((name) => {
    return [`loader/keys/auto/${name}.auth`, join(from, `${name}.auth`)] as const
  })
  const loader = join(treeFolder(tree), 'usr/lib/systemd/boot/efi/systemd-bootx64.efi')
  const esp = makeEsp(
    {
      'EFI/BOOT/BOOTX64.EFI': loader,
      'loader/loader.conf': join(folder, 'loader.conf'),
      ...Object.fromEntries(updates),
    },
    folder,
  )
  const console = await runFirmware(variables, esp, join(folder, 'console'))
  return { console, variables, values: readVariables(tree, variables, folder) }
}

function readVariables(
  tree: TreeName,
  variables: string,
  folder: string,
): ReadonlyMap<string, string> {
  const json = join(folder, 'variables.json')
  outputInTree(tree, folder, 'virt-fw-vars', ['-i', variables, '--output-json', json])
  const store: Store = JSON.parse(readFileSync(json, 'utf8'))
  return new Map(store.variables.map((each) => [each.name, each.data]))
}

interface Store {
  readonly variables: readonly { readonly name: string; readonly data: string }[]
}

/** Runs a machine until it ends, or its firmware has nothing to boot; returns what it said. */
async function runFirmware(variables: string, esp: string, log: string): Promise<string> {
  const qemu = start(
    'qemu-system-x86_64',
    [
      ...[...MACHINE, ...acceleration()],
      ...['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
      ...['-serial', `file:${log}`, '-device', 'virtio-rng-pci'],
      ...['-drive', `if=none,id=esp,format=raw,snapshot=on,file=${esp}`],
      ...['-device', 'virtio-blk-pci,drive=esp,bootindex=1'],
    ],
    `${log}.qemu`,
  )
  const said = () => readFileSync(log, { encoding: 'latin1', flag: 'a+' })
  try {
    for (let waited = 0; waited < BOOT_SECONDS; waited++) {
      const ended = await Promise.race([qemu.ended, setTimeout(1000)])
      if (ended !== undefined || said().includes('Shell>')) return said()
    }
    throw new Error(`the firmware neither ends nor gives up: ${said()}`)
  } finally {
    await qemu.stop()
  }
}
