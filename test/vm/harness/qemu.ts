/** The machine as qemu is told to build it. */

import { acceleration, MACHINE } from '../../../scripts/provision/acceleration.mjs'

export interface Machine {
  /** The root file system, which is not written to; absent where the initrd is the system. */
  readonly root?: string
  readonly variables: string
  readonly esp: string
  readonly payload: string
  readonly steps: string
  /** The socket of swtpm. */
  readonly tpm: string
  /** Files that take what the guest sends. */
  readonly console: string
  readonly journal: string
  readonly results: string
}

/** The arguments of qemu. */
export function qemuArguments(machine: Machine): string[] {
  const { root, variables, esp, payload, steps, tpm } = machine
  return [
    ...MACHINE,
    ...acceleration(),
    ...['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
    ...['-chardev', `socket,id=tpm,path=${tpm}`],
    ...['-tpmdev', 'emulator,id=tpm,chardev=tpm', '-device', 'tpm-crb,tpmdev=tpm'],
    ...['-device', 'virtio-rng-pci'],
    ...[...writer('console', machine.console), '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-pci'],
    ...[...writer('journal', machine.journal), '-device', port('journal')],
    ...[...writer('results', machine.results), '-device', port('results')],
    ...disk('esp', esp, 'virtio-blk-pci,bootindex=1'),
    ...disk('payload', payload, 'virtio-blk-pci,serial=payload'),
    ...disk('steps', steps, 'virtio-blk-pci,serial=steps'),
    // Drivers for NVMe and ext4 are built into the kernel, so that no initrd is needed. Two disks
    // of this kind would change places from boot to boot.
    ...(root ? disk('root', root, 'nvme,serial=root') : []),
  ]
}

/** Something that appends to a file of the host. */
function writer(id: string, file: string): string[] {
  return ['-chardev', `file,id=${id},path=${asValue(file)}`]
}

/** A port of the guest, which udev calls by its name. */
function port(name: string): string {
  return `virtserialport,chardev=${name},name=${name}`
}

/** A disk whose changes are forgotten. */
function disk(id: string, file: string, device: string): string[] {
  const drive = `if=none,id=${id},format=raw,snapshot=on,file=${asValue(file)}`
  return ['-drive', drive, '-device', `${device},drive=${id}`]
}

/** A path as a value among others. */
function asValue(path: string): string {
  return path.replaceAll(',', ',,')
}
