/**
 * Predictions against systemd and tpm2-tools of two generations, without a machine that boots: a TPM
 * in software is extended as predicted, in userspace by systemd itself, and logs say so.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { decodeFirmwareLog } from '../../src/formats/event-log/firmware.ts'
import type { MeasuredEvent } from '../../src/formats/pcr-event.ts'
import { type Prediction, pcrlockFiles, predictPcrs, readPcrDump } from '../../src/index.ts'
import { openTpm } from '../../src/keys/tpm/index.ts'
import { makeHeader } from '../formats/event-log/make-log.ts'
import { type Esp, makeEsp } from '../support/esp.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { GENERATIONS, outputInTree, runInTree } from '../support/reference-trees.ts'
import { type SoftwareTpm, startTpm } from '../support/swtpm.ts'
import { systemdCreds } from '../support/systemd-creds.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const PCRLOCK = '/usr/lib/systemd/systemd-pcrlock'
const BANKS = ['sha1', 'sha256'] as const
const PHASE = 'enter-initrd:leave-initrd:sysinit:ready'
const EV_IPL = 13
const SECRET = 'correct horse battery staple'

/** systemd-analyze with a TPM whose PCR n holds `ab…n`, as the kernel would show it. */
const ANALYZE = `
set -e
mount -t tmpfs tmpfs /sys
mkdir -p /sys/class/tpm/tpm0/pcr-sha256 /sys/class/tpmrm/tpmrm0 /sys/firmware/efi /sys/firmware/acpi/tables
touch /sys/firmware/acpi/tables/TPM2
for pcr in $(seq 0 23); do printf 'AB%062d\\n' $pcr > /sys/class/tpm/tpm0/pcr-sha256/$pcr; done
exec systemd-analyze pcrs --no-pager "$@"
`

const ready = available('root', 'swtpm', 'tree:trixie', 'tree:sid')

describe.runIf(ready).each(GENERATIONS)('%s', (_, tree) => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  let esp: Esp
  let tpm: SoftwareTpm
  let prediction: Prediction
  /** Every measurement in order, those of programs into PCR 4 too. */
  let boot: readonly MeasuredEvent[]
  let later: readonly MeasuredEvent[]

  /** The version of systemd in the tree, which would be in the initrd as well. */
  const initrdVersion = tree === 'sid' ? 262 : 257
  const options = () => {
    return { uki: esp.uki, esp: esp.folder, profile: 1, secureBoot: false, banks: BANKS }
  }

  beforeAll(async () => {
    esp = makeEsp(tree, folder)
    prediction = await predictPcrs({ ...options(), initrdVersion, phases: [PHASE] })
    const files = await pcrlockFiles(options())
    boot = files.flatMap(({ events }) => events)
    later = prediction.states[0]!.events
    for (const { path, text } of files) {
      mkdirSync(join(at('pcrlock.d'), path, '..'), { recursive: true })
      writeFileSync(join(at('pcrlock.d'), path), text)
    }
    writeFileSync(at('firmware.log'), firmwareLog(boot))
    tpm = await startTpm(at('tpm'))
    const lines = boot.map((event) => extendCommand(event, tpm.device))
    writeFileSync(at('extend.sh'), `set -e\n${lines.join('')}`)
    outputInTree(tree, folder, 'sh', [at('extend.sh')])
    for (const { pcr, description } of later) measureWord(pcr, description)
  })
  afterAll(() => tpm.stop())

  /** Measures a word as systemd does in userspace, which writes its log. */
  const measureWord = (pcr: number, word: string) => {
    const args = [`--tpm2-device=${tpm.device}`, `--pcr=${pcr}`, word]
    const env = { SYSTEMD_FORCE_MEASURE: '1', SYSTEMD_MEASURE_LOG_USERSPACE: at('userspace.log') }
    outputInTree(tree, folder, '/usr/lib/systemd/systemd-pcrextend', args, { env })
  }

  /** Runs systemd-pcrlock with our components, our logs and the TPM in software. */
  const pcrlock = (...args: string[]) => {
    const script = `mkdir -p /run/pcrlock.d && cp -r ${at('pcrlock.d')}/* /run/pcrlock.d && exec ${PCRLOCK} "$@"`
    const env = {
      SYSTEMD_MEASURE_LOG_FIRMWARE: at('firmware.log'),
      SYSTEMD_MEASURE_LOG_USERSPACE: at('userspace.log'),
      SYSTEMD_TPM2_DEVICE: tpm.device,
    }
    return outputInTree(tree, folder, 'sh', ['-c', script, 'sh', ...args, '--no-pager'], { env })
  }

  test('systemd-pcrlock lock-uki writes the same component, byte for byte', () => {
    extsign(['pcr', 'pcrlock', '--uki', esp.plain, '-o', at('plain')])
    outputInTree(tree, folder, PCRLOCK, ['lock-uki', esp.plain, `--pcrlock=${at('theirs')}`])
    expect(readFileSync(at('plain/650-uki.pcrlock.d/plain-profile0.pcrlock'), 'utf8')).toBe(
      readFileSync(at('theirs'), 'utf8'),
    )
  })

  test('systemd-pcrlock refuses the image with profiles, and lists the components we make', () => {
    const args = ['lock-uki', esp.uki, `--pcrlock=${at('refused')}`]
    expect(runInTree(tree, folder, PCRLOCK, args).status).not.toBe(0)
    const listed = pcrlock('list-components')
    expect(listed).toMatch(/^650-uki .*650-uki\.pcrlock\.d\/linux-profile1\.pcrlock$/m)
    expect(listed).toMatch(/^655-uki-files .*655-uki-files\.pcrlock\.d\/linux-profile1\.pcrlock$/m)
  })

  test('systemd-pcrlock recognizes every measurement by them, and finds the values predicted', () => {
    const { log } = JSON.parse(pcrlock('log', '--json=short'))
    // That of the separator is over twelve PCRs, of which only two are extended here.
    const phases = later.map(({ description }) =>
      description === 'os-separator' ? null : expect.stringMatching(/^[789]\d0-/),
    )
    expect(log.map(({ component }: { component: unknown }) => component)).toEqual([
      ...boot.map(({ pcr }) => (pcr === 11 ? '650-uki' : expect.stringMatching(/^65[05]-uki/))),
      ...phases,
    ])
    expect(log.filter(({ pcr }: { pcr: number }) => pcr === 13)).not.toHaveLength(0)
  })

  test('systemd-pcrlock reads the same events out of the log', () => {
    const records: readonly { pcr: number; digests: { hashAlg: string; digest: string }[] }[] =
      JSON.parse(pcrlock('cel', '--json=short'))
    const { events } = decodeFirmwareLog(readFileSync(at('firmware.log')))
    expect(events).toHaveLength(boot.length)
    const theirs = records.slice(0, boot.length).map(({ pcr, digests }) => {
      const hashes = digests.map(({ hashAlg, digest }) => `${hashAlg}=${digest}`).sort()
      return `${pcr} ${hashes.join(' ')}`
    })
    const ours = events.map(({ pcr, digests }) => {
      const hashes = [...digests].map(([bank, digest]) => `${bank}=${toHex(digest)}`).sort()
      return `${pcr} ${hashes.join(' ')}`
    })
    expect(ours).toEqual(theirs)
  })

  test('what systemd-analyze pcrs prints is read, as a table and as JSON', async () => {
    for (const args of [[], ['--json=short'], ['--json=pretty']]) {
      writeFileSync(at('printed'), outputInTree(tree, folder, 'sh', ['-c', ANALYZE, 'sh', ...args]))
      const values = (await readPcrDump(at('printed'))).get('sha256')
      expect(values?.size).toBe(24)
      expect(toHex(values!.get(13)!)).toBe(`ab${'13'.padStart(62, '0')}`)
    }
  })

  test('what tpm2_pcrread prints fits the prediction, until something more is measured', async () => {
    const boot = ['--uki', esp.uki, '--esp', esp.folder, '--profile=1', '--secure-boot=off']
    const state = [`--initrd-version=${initrdVersion}`, `--phase=${PHASE}`]
    const banks = ['--bank=sha1', '--bank=sha256']
    writeFileSync(
      at('prediction.json'),
      extsign(['pcr', 'predict', ...boot, ...state, ...banks, '--json']),
    )
    const selection = 'sha256:11,12,13+sha1:11,12,13'
    const dump = () => outputInTree(tree, folder, 'tpm2_pcrread', ['-T', tpm.device, selection])
    writeFileSync(at('dump'), dump())
    const logs = ['--event-log', at('userspace.log'), '--event-log', at('firmware.log')]
    const explain = (...args: string[]) =>
      runExtsign(['pcr', 'explain', at('prediction.json'), ...args])
    expect(explain('--dump', at('dump'))).toMatchObject({ status: 0 })
    expect(explain(...logs, '--dump', at('dump'))).toMatchObject({ status: 0 })

    // A credential sealed offline to what was predicted opens now, and not after one more event.
    writeFileSync(at('plain.txt'), SECRET)
    const opened = await openTpm(tpm.device)
    writeFileSync(at('parent.pub'), (await opened.storageKey('legacy')).tpm2bPublic)
    await opened.close()
    const literal = extsign(['pcr', 'predict', ...boot, ...state, '--format=tpm2-pcrs']).trim()
    const key = ['--tpm2-device-key', at('parent.pub'), '--tpm2-pcrs', literal]
    extsign(['cred', 'encrypt', ...key, at('plain.txt'), at('token.cred')])
    const open = () =>
      systemdCreds(tree, folder, [
        ...['decrypt', `--tpm2-device=${tpm.device}`, '--name=token'],
        ...[at('token.cred'), '-'],
      ])
    expect(open()).toMatchObject({ status: 0, stdout: SECRET })
    const more = { ...later[0]!, pcr: 13 }
    outputInTree(tree, folder, 'sh', ['-c', extendCommand(more, tpm.device)])
    expect(open().status).toBe(1)
    writeFileSync(at('dump'), dump())
    const found = explain(...logs, '--dump', at('dump'))
    expect(found.status).toBe(3)
    expect(found.stdout).toMatch(/^FAIL {2}the logs account for PCR 13 of sha256: /m)
    expect(found.stdout).not.toMatch(/^FAIL {2}PCR 1[12] /m)
  })
})

/** A log of firmware in which every event is a string. */
function firmwareLog(events: readonly MeasuredEvent[]): Uint8Array {
  const number = (value: number, size: number) => {
    const bytes = Buffer.alloc(size)
    bytes.writeUIntLE(value, 0, size)
    return bytes
  }
  const records = events.flatMap(({ pcr, description, digests }) => {
    const data = Buffer.from(`${description}\0`, 'utf16le')
    return [
      ...[number(pcr, 4), number(EV_IPL, 4), number(2, 4)],
      ...[number(0x0004, 2), digests.get('sha1')!, number(0x000b, 2), digests.get('sha256')!],
      ...[number(data.length, 4), data],
    ]
  })
  return Buffer.concat([makeHeader(BANKS), ...records])
}

function extendCommand({ pcr, digests }: MeasuredEvent, device: string): string {
  const values = [...digests].map(([bank, digest]) => `${bank}=${toHex(digest)}`)
  return `tpm2_pcrextend -T ${device} ${pcr}:${values.join(',')}\n`
}
