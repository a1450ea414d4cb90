import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { fromHex } from '../../../src/bytes/hex.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { TpmConnection } from '../../../src/keys/tpm/connection.ts'
import { openTransport } from '../../../src/keys/tpm/device.ts'
import { deviceTransport } from '../../../src/keys/tpm/device-file.ts'
import { openTpm, type TpmTransport } from '../../../src/keys/tpm/index.ts'
import { readPcrs } from '../../../src/keys/tpm/pcrs.ts'
import { emptyPassword } from '../../../src/keys/tpm/session.ts'
import { connectSocket } from '../../../src/keys/tpm/socket.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const folder = temporaryFolder()
const COMMAND = fromHex('80010000000c000001440000')!
const ANSWER = fromHex('80010000000a00000000')!

describe.skipIf(process.platform === 'win32')('a TPM behind a socket', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  async function serve(name: string, onCommand: (socket: Socket) => void): Promise<string> {
    const path = join(folder, name)
    const server = createServer((socket) => {
      socket.on('data', () => onCommand(socket))
      socket.on('error', () => {})
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(path, resolve))
    return `swtpm:path=${path}`
  }

  test('may answer in pieces', async () => {
    const device = await serve('pieces', (socket) => {
      socket.write(ANSWER.subarray(0, 3))
      setImmediate(() => socket.write(ANSWER.subarray(3)))
    })
    const transport = await openTransport(device)
    expect(await transport.transceive(COMMAND)).toEqual(ANSWER)
    expect(await transport.transceive(COMMAND)).toEqual(ANSWER)
    await transport.close()
  })

  test.each([
    ['closes', (socket: Socket) => socket.end(), 'closed the connection'],
    ['breaks off', (socket: Socket) => socket.end(ANSWER.subarray(0, 9)), 'closed the connection'],
    [
      'says too much',
      (socket: Socket) => socket.write(Buffer.concat([ANSWER, ANSWER])),
      'said more',
    ],
    ['promises too much', (socket: Socket) => socket.write(`\x80\x01${'x'.repeat(8)}`), 'has'],
    ['promises nothing', (socket: Socket) => socket.write(Buffer.alloc(10)), 'says that it has 0'],
  ])('that %s fails, and goes on failing', async (name, onCommand, message) => {
    const transport = await openTransport(await serve(name, onCommand))
    const failure = { code: 'IO', message: expect.stringContaining(message) }
    await expect(transport.transceive(COMMAND)).rejects.toMatchObject(failure)
    await expect(transport.transceive(COMMAND)).rejects.toMatchObject(failure)
    await transport.close()
  })

  test('may be left alone for as long as one likes, and must answer when asked', async () => {
    let isSilent = false
    const device = await serve('silent', (socket) => isSilent || socket.write(ANSWER))
    const path = device.slice('swtpm:path='.length)
    const transport = await connectSocket({ kind: 'unix', path }, device, 50)
    await setTimeout(150)
    expect(await transport.transceive(COMMAND)).toEqual(ANSWER)
    isSilent = true
    await expect(transport.transceive(COMMAND)).rejects.toMatchObject({
      code: 'IO',
      message: `TPM at ${device} does not answer`,
      hint: expect.stringContaining('one program after the other'),
    })
    await transport.close()
  })

  test('that is not there, or is no socket', async () => {
    writeFileSync(join(folder, 'plain'), '')
    for (const name of ['nowhere', 'plain']) {
      await expect(openTransport(`swtpm:path=${join(folder, name)}`)).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining(`no TPM answers at swtpm:path=${join(folder, name)}`),
      })
    }
  })

  test.each([
    ['nonsense', '8001 0000000e 00000000 00000000', 'BAD_RESPONSE', 'the TPM answers nonsense'],
    ['a refusal', '8001 0000000a 00000101', 'REFUSED', 'has failed its self test'],
    ['values nobody asked for', values('0004', 20), 'NO_BANK', 'no PCR 0 in bank sha256'],
    ['no values', values('000b', undefined), 'BAD_RESPONSE', 'gives no sha256 value of PCR 0'],
    ['values that are too short', values('000b', 20), 'BAD_RESPONSE', 'no sha256 value of PCR 0'],
  ])('that answers with %s', async (name, hex, code, message) => {
    const bytes = fromHex(hex.replaceAll(' ', ''))!
    const transport = await openTransport(await serve(name, (socket) => socket.write(bytes)))
    await expect(readPcr(transport)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
    await transport.close()
  })

  test('that is busy is asked again', async () => {
    let asked = 0
    const busy = fromHex('80010000000a00000922')!
    const value = fromHex(values('000b', 32).replaceAll(' ', ''))!
    const device = await serve('busy', (socket) => socket.write(asked++ < 3 ? busy : value))
    const transport = await openTransport(device)
    expect((await readPcr(transport)).size).toBe(1)
    expect(asked).toBe(4)
    await transport.close()
  })
})

describe('a device file', () => {
  test('that is not there', async () => {
    await expect(openTpm(join(folder, 'tpmrm9'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `no TPM at ${join(folder, 'tpmrm9')}`,
    })
  })

  test('that is another kind of file', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, 'kept')
    await expect(openTpm(path)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `${path} is no TPM: it is not a character device`,
    })
    expect(readFileSync(path, 'utf8')).toBe('kept')
  })

  test('that is a folder', async () => {
    mkdirSync(join(folder, 'directory'))
    await expect(openTpm(join(folder, 'directory'))).rejects.toMatchObject({ code: 'IO' })
  })

  test.skipIf(process.platform === 'win32')(
    'takes a command in one write and answers in one read',
    async () => {
      // A pipe says what it was told: here that is a response as good as any.
      const path = join(folder, 'echo')
      expect(spawnSync('mkfifo', [path]).status).toBe(0)
      const transport = deviceTransport(await open(path, 'r+'), path)
      expect(await transport.transceive(COMMAND)).toEqual(COMMAND)
      expect(await transport.transceive(ANSWER)).toEqual(ANSWER)
      await transport.close()
    },
  )
})

/** Reads PCR 0 in a session that believes everything. */
function readPcr(transport: TpmTransport) {
  return readPcrs(new TpmConnection(transport, randomBytes), emptyPassword, 'sha256', 1)
}

/** A response to PCR_Read with PCR 0 of a bank, and its value. */
function values(bank: string, size: number | undefined): string {
  const value =
    size === undefined ? '00000000' : `00000001 00${size.toString(16)} ${'00'.repeat(size)}`
  const body = `00000000 00000001 ${bank} 03 010000 ${value}`.replaceAll(' ', '')
  const size32 = (bytes: number) => bytes.toString(16).padStart(8, '0')
  const session = '0000 01 0000'
  const parameters = `${size32(body.length / 2)} ${body} ${session}`
  const total = 10 + parameters.replaceAll(' ', '').length / 2
  return `8002 ${size32(total)} 00000000 ${parameters}`
}
