/** A TPM behind a character device: one write is one command, one read its whole response. */

import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { TpmError } from '../../errors.ts'
import { errnoOf } from '../../files/errno.ts'
import { readHandle } from '../../files/read.ts'
import { MAX_MESSAGE } from '../../formats/tpm2/message.ts'
import type { TpmTransport } from './transport.ts'

/**
 * Opens `/dev/tpmrm0` or another device of this kind.
 *
 * @throws TpmError NOT_FOUND, DENIED, IO
 */
export async function openDeviceFile(path: string): Promise<TpmTransport> {
  const handle = await open(path, 'r+').catch((error) => {
    throw explainOpening(error, path)
  })
  // A command would overwrite any other file.
  if (!(await handle.stat()).isCharacterDevice()) {
    await handle.close()
    throw new TpmError('NOT_FOUND', `${path} is no TPM: it is not a character device`)
  }
  return deviceTransport(handle, path)
}

/** The messages of a device that is open, which `close` closes. */
export function deviceTransport(handle: FileHandle, path: string): TpmTransport {
  return {
    label: path,
    isManaged: basename(path).startsWith('tpmrm'),
    transceive: (command) => exchange(handle, path, command),
    close: () => handle.close(),
  }
}

async function exchange(
  handle: FileHandle,
  path: string,
  command: Uint8Array,
): Promise<Uint8Array> {
  try {
    const { bytesWritten } = await handle.write(command, 0, command.length, null)
    if (bytesWritten !== command.length) {
      throw new TpmError('IO', `${path} took ${bytesWritten} of ${command.length} bytes`)
    }
    const response = new Uint8Array(MAX_MESSAGE)
    return response.subarray(0, await readHandle(handle, response, null))
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === undefined) throw cause
    const hint = errno === 'EBUSY' ? 'another program has it open, use /dev/tpmrm0' : undefined
    throw new TpmError('IO', `${path} does not answer: ${errno}`, { cause, hint })
  }
}

function explainOpening(cause: unknown, path: string): unknown {
  const errno = errnoOf(cause)
  if (errno === undefined) return cause
  if (['ENOENT', 'ENODEV', 'ENXIO', 'ENOTDIR'].includes(errno)) {
    return new TpmError('NOT_FOUND', `no TPM at ${path}`, {
      cause,
      hint: 'name another with --tpm2-device, or seal for its public key with --tpm2-device-key',
    })
  }
  if (errno === 'EACCES' || errno === 'EPERM') {
    return new TpmError('DENIED', `no permission to use the TPM at ${path}`, {
      cause,
      hint: 'become root, or a member of the group tss',
    })
  }
  const hint = errno === 'EBUSY' ? 'another program has it open, use /dev/tpmrm0' : undefined
  return new TpmError('IO', `cannot open ${path}: ${errno}`, { cause, hint })
}
