/** The disks of a guest besides its root file system, made without mounting anything. */

import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'
import { type Step, stepTimeout } from './options.ts'

const MIB = 1 << 20

/** Makes an EFI system partition: a bare FAT file system, which the firmware boots from as well. */
export function makeEsp(files: Readonly<Record<string, string>>, folder: string): string {
  const disk = join(folder, 'esp.img')
  const sizes = Object.values(files).map((file) => statSync(file).size)
  const size = sizes.reduce((sum, bytes) => sum + bytes, 0)
  writeFileSync(disk, '')
  truncateSync(disk, Math.ceil((size * 1.05) / MIB + 8) * MIB)
  output(tool('mkfs.vfat'), [disk])
  for (const path of foldersOf(Object.keys(files))) output(tool('mmd'), ['-i', disk, `::${path}`])
  for (const [path, file] of Object.entries(files)) {
    output(tool('mcopy'), ['-i', disk, file, `::${path}`])
  }
  return disk
}

/** Every folder that the paths need, parents first. */
function foldersOf(paths: readonly string[]): string[] {
  const folders = new Set<string>()
  for (const path of paths) {
    const parts = path.split('/').slice(0, -1)
    for (const index of parts.keys()) folders.add(parts.slice(0, index + 1).join('/'))
  }
  return [...folders].sort()
}

/** Makes a disk with the content of a folder. */
export function makePayload(source: string, folder: string): string {
  const disk = join(folder, 'payload.ext4')
  // Sparse, so that its size is no cost.
  output(tool('mkfs.ext4'), ['-q', '-O', '^has_journal', '-m', '0', '-d', source, disk, '8G'])
  return disk
}

/** Makes a disk that is an archive: for each step a folder with its name, script and timeout. */
export function makeSteps(steps: readonly Step[], folder: string): string {
  const staged = join(folder, 'steps')
  mkdirSync(staged)
  for (const [index, step] of steps.entries()) {
    const into = join(staged, stepFolder(index))
    mkdirSync(into)
    writeFileSync(join(into, 'name'), `${step.name}\n`)
    writeFileSync(join(into, 'script'), step.script)
    writeFileSync(join(into, 'timeout'), `${stepTimeout(step)}\n`)
  }
  const disk = join(folder, 'steps.tar')
  output(tool('tar'), ['--create', `--file=${disk}`, `--directory=${staged}`, '.'])
  return disk
}

/** The folder of a step, on the way into the guest and back; they sort in the order of the steps. */
export function stepFolder(index: number): string {
  return `${index + 1}`.padStart(4, '0')
}
