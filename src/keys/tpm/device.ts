/**
 * Where a TPM is, in the words of systemd's `--tpm2-device=`: a device file, or the socket of a TPM
 * in software (swtpm).
 */

import { TpmError } from '../../errors.ts'
import type { TpmTransport } from './transport.ts'

export type TpmDevice =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** With a resource manager of the kernel in front: others may use the TPM at the same time. */
const DEFAULT_PATH = '/dev/tpmrm0'
const SWTPM_HOST = 'localhost'
const SWTPM_PORT = 2321

/**
 * Reads the name of a device: `auto`, `/dev/tpmrm0`, `device:/dev/tpmrm0`, `swtpm:`,
 * `swtpm:host=localhost,port=2321`, `swtpm:path=/run/swtpm.sock`.
 *
 * @throws TpmError BAD_DEVICE
 */
export function parseTpmDevice(text: string): TpmDevice {
  if (text === 'auto') return { kind: 'file', path: DEFAULT_PATH }
  if (text.startsWith('/')) return { kind: 'file', path: text }
  const [driver = '', ...rest] = text.split(':')
  const argument = rest.join(':')
  if (driver === 'device') return { kind: 'file', path: argument || DEFAULT_PATH }
  if (driver === 'swtpm') return parseSwtpm(text, argument)
  throw badDevice(text, 'it is neither a path nor begins with device: or swtpm:')
}

/**
 * Opens the way to a device.
 *
 * @throws TpmError BAD_DEVICE, NOT_FOUND, DENIED, IO
 */
export async function openTransport(text: string): Promise<TpmTransport> {
  const device = parseTpmDevice(text)
  if (device.kind === 'file') {
    const { openDeviceFile } = await import('./device-file.ts')
    return openDeviceFile(device.path)
  }
  const { connectSocket } = await import('./socket.ts')
  return connectSocket(device, text)
}

function parseSwtpm(text: string, argument: string): TpmDevice {
  const settings = new Map<string, string>()
  for (const part of argument === '' ? [] : argument.split(',')) {
    const [name = '', ...value] = part.split('=')
    if (!['host', 'port', 'path'].includes(name) || value.length === 0) {
      throw badDevice(text, `${JSON.stringify(part)} is not host=, port= or path=`)
    }
    if (settings.has(name)) throw badDevice(text, `${name}= is there twice`)
    settings.set(name, value.join('='))
  }
  const path = settings.get('path')
  if (path !== undefined) {
    if (settings.size > 1) throw badDevice(text, 'path= stands alone')
    if (path === '') throw badDevice(text, 'path= is empty')
    return { kind: 'unix', path }
  }
  const host = settings.get('host') ?? SWTPM_HOST
  const port = settings.get('port') ?? `${SWTPM_PORT}`
  if (host === '') throw badDevice(text, 'host= is empty')
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65535) {
    throw badDevice(text, `port ${JSON.stringify(port)} is not a number from 1 to 65535`)
  }
  return { kind: 'tcp', host, port: Number(port) }
}

function badDevice(text: string, reason: string): TpmError {
  return new TpmError('BAD_DEVICE', `TPM device ${JSON.stringify(text)}: ${reason}`, {
    hint: 'auto, /dev/tpmrm0, swtpm:host=localhost,port=2321, swtpm:path=/run/swtpm.sock',
  })
}
