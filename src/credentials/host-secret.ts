/**
 * The secret file of a host: read with the care systemd takes, made for a machine that may be
 * somewhere else.
 */

import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { CredentialError, FormatError } from '../errors.ts'
import { closeRead } from '../files/close-read.ts'
import { toFileError } from '../files/errno.ts'
import { writeOutput } from '../files/output.ts'
import { readHandle } from '../files/read.ts'
import {
  decodeHostSecret,
  encodeHostSecret,
  HOST_SECRET_SIZE,
  machineBinding,
} from '../formats/credential/host-secret.ts'

/** Where systemd keeps it. */
export const HOST_SECRET_PATH = '/var/lib/systemd/credential.secret'
const MODE = 0o400
/** More than any file may have, and few enough to be read at once. */
const MAX_FILE = 16 + HOST_SECRET_SIZE + 1

export interface LoadedHostSecret {
  readonly path: string
  /** What goes into keys. */
  readonly secret: Uint8Array
  /** Overwrites the secret. */
  readonly forget: () => void
}

/**
 * Reads a host's secret.
 *
 * @param machineId where given, the secret must belong to this machine
 * @throws FileError where it cannot be read; CredentialError BAD_HOST_SECRET where systemd would
 * not take it: readable by others, not a regular file, of another machine.
 */
export async function readHostSecret(
  path: string,
  machineId?: Uint8Array | undefined,
): Promise<LoadedHostSecret> {
  const file = await readGuarded(path)
  const forget = () => file.fill(0)
  try {
    const { binding, secret } = decodeHostSecret(file)
    if (machineId && !equalBytes(binding, machineBinding(machineId))) {
      const fact = `${path} belongs to another machine than ${toHex(machineId)}`
      throw new CredentialError('BAD_HOST_SECRET', fact, {
        hint: 'that machine would delete the file and make another one',
      })
    }
    return { path, secret, forget }
  } catch (error) {
    forget()
    if (!(error instanceof FormatError)) throw error
    throw new CredentialError('BAD_HOST_SECRET', `${path}: ${error.message}`, { cause: error })
  }
}

export interface HostSecretOptions {
  /** 16 bytes. */
  readonly machineId: Uint8Array
  readonly random: (size: number) => Uint8Array
}

/**
 * Makes a new secret for a machine, mode 0400.
 *
 * @returns bytes of secret in the file
 * @throws FileError EXISTS: a secret is never replaced, because nothing opens what it sealed.
 */
export async function createHostSecret(path: string, options: HostSecretOptions): Promise<number> {
  const secret = options.random(HOST_SECRET_SIZE)
  const file = encodeHostSecret({ binding: machineBinding(options.machineId), secret })
  secret.fill(0)
  try {
    await writeOutput(path, file, { mode: MODE })
  } finally {
    file.fill(0)
  }
  return HOST_SECRET_SIZE
}

async function readGuarded(path: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    // Windows has no such flags, and no modes either. A fifo is refused without waiting for it.
    const flags = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
    handle = await open(path, constants.O_RDONLY | flags)
    const { mode, nlink } = await handle.stat()
    const problem = process.platform === 'win32' ? undefined : findProblem(path, mode, nlink)
    if (problem) throw new CredentialError('BAD_HOST_SECRET', `${path} ${problem[0]}`, problem[1])
    const buffer = new Uint8Array(MAX_FILE)
    let size = 0
    while (size < buffer.length) {
      const bytesRead = await readHandle(handle, buffer.subarray(size), null)
      if (bytesRead === 0) break
      size += bytesRead
    }
    return buffer.subarray(0, size)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOOP') {
      throw new CredentialError('BAD_HOST_SECRET', `${path} is a symbolic link`)
    }
    throw toFileError(error, { path, verb: 'read' })
  } finally {
    await closeRead(handle)
  }
}

/** What systemd objects to in a file with this mode and so many names. */
function findProblem(
  path: string,
  mode: number,
  links: number,
): readonly [string, { hint?: string }] | undefined {
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) return ['is not a regular file', {}]
  if (links !== 1) {
    const hint = 'extsign cred setup removes the name that a killed run of it has left beside it'
    return [`has ${links} names`, { hint }]
  }
  const bits = mode & 0o7777
  if (bits === MODE) return undefined
  const found = bits.toString(8).padStart(4, '0')
  return [`has mode ${found}, systemd takes 0400 only`, { hint: `chmod 400 ${path}` }]
}
