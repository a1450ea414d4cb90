// @ts-check
/**
 * Whether KVM runs a guest on this machine. That it can be opened says little: nested, it may stop
 * in the middle of a boot. So one boot is tried, and its outcome remembered for this processor and
 * kernel.
 */

import { accessSync, constants, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { cacheFolder, isProvisioned, provision } from './cache.mjs'
import { guestFolder } from './guests.mjs'
import { findTool } from './host-tools.mjs'
import { run } from './run.mjs'

const KVM = Object.freeze(['-accel', 'kvm', '-cpu', 'host'])
// Without cx16=off, emulation in qemu 7.2 corrupts the flags after CMPXCHG16B, and the kernel's
// allocator crashes in every other boot.
const EMULATION = Object.freeze([
  ...['-accel', 'tcg,thread=multi,tb-size=512'],
  ...['-cpu', 'max,cx16=off,la57=off'],
])

/**
 * A machine with Secure Boot, which firmware guards with system management mode. One processor: an
 * emulated second one costs more than it brings to steps that run one after the other, and tests
 * boot two guests at a time.
 */
export const MACHINE = Object.freeze([
  ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
  ...['-machine', 'q35,smm=on', '-smp', '1', '-m', '2048'],
  ...['-global', 'driver=cfi.pflash01,property=secure,value=on'],
  ...['-global', 'ICH9-LPC.disable_s3=1'],
  ...[
    '-drive',
    'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd',
  ],
])

const BOOT_SECONDS = 30

/** The arguments of qemu that say what executes the guest's instructions. */
export function acceleration() {
  const known = isProvisioned(probeFolder(), machineRecipe())
  const useful = known && readFileSync(join(probeFolder(), 'kvm'), 'utf8') === 'useful\n'
  return useful ? KVM : EMULATION
}

/** Tries KVM unless it was tried on this machine. The guest made of trixie must be there. */
export async function provideAcceleration() {
  await provision(probeFolder(), machineRecipe(), async (folder) => {
    const useful = mayOpenKvm() && (await bootsWithKvm(folder))
    console.error(useful ? 'guests run with KVM' : 'guests are emulated: KVM does not run one here')
    writeFileSync(join(folder, 'kvm'), useful ? 'useful\n' : 'useless\n')
  })
}

function probeFolder() {
  return join(cacheFolder(), 'acceleration')
}

function machineRecipe() {
  return [MACHINE, KVM, cpus()[0]?.model, release(), mayOpenKvm()]
}

function mayOpenKvm() {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Whether firmware and kernel get to the point where the kernel misses its root file system.
 * @param {string} folder
 */
async function bootsWithKvm(folder) {
  const variables = join(folder, 'variables.fd')
  const log = join(folder, 'console.log')
  copyFileSync('/usr/share/OVMF/OVMF_VARS_4M.fd', variables)
  const args = [
    ...[...MACHINE, ...KVM, '-serial', `file:${log}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
    ...['-kernel', join(guestFolder('trixie'), 'vmlinuz'), '-append', 'console=ttyS0 panic=-1'],
  ]
  try {
    const qemu = findTool('qemu-system-x86_64') ?? 'qemu-system-x86_64'
    await run('timeout', [`${BOOT_SECONDS}`, qemu, ...args])
    return readFileSync(log, 'utf8').includes('Unable to mount root fs')
  } catch {
    return false
  }
}
