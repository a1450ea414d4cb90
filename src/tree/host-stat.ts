/** What lstat says, in the terms of the model. */

import { type BigIntStats, lstatSync } from 'node:fs'
import { type HostPath, toPathLike } from './host-path.ts'
import type { FileIdentity, Time } from './model.ts'

const BILLION = 1_000_000_000n

/** Throws what the system throws. */
export function lstat(path: HostPath): BigIntStats {
  return lstatSync(toPathLike(path), { bigint: true })
}

/** Permission bits. Windows has none: what everybody may read and enter stands in for them. */
export function toPermissions(stat: BigIntStats): number {
  if (process.platform === 'win32') return stat.isDirectory() ? 0o755 : 0o644
  return Number(stat.mode & 0o7777n)
}

export function toIdentity(stat: BigIntStats): FileIdentity {
  return { device: stat.dev, inode: stat.ino, mtimeNs: stat.mtimeNs, ctimeNs: stat.ctimeNs }
}

/** Nanoseconds since the epoch as seconds and a remainder that is never negative. */
export function toTime(nanoseconds: bigint): Time {
  const remainder = ((nanoseconds % BILLION) + BILLION) % BILLION
  return {
    seconds: Number((nanoseconds - remainder) / BILLION),
    nanoseconds: Number(remainder),
  }
}

/** The device a node stands for, taken apart as the build host's makedev puts it together. */
export function toDevice(stat: BigIntStats): { readonly major: number; readonly minor: number } {
  const device = stat.rdev
  if (process.platform === 'darwin') {
    return { major: Number((device >> 24n) & 0xffn), minor: Number(device & 0xffffffn) }
  }
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  }
}
