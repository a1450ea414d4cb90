/** Firmware in setup mode, systemd-boot and what `extsign trust enroll` made: who is in db afterwards. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { acceleration, MACHINE } from '../../scripts/provision/acceleration.mjs'
import { treeFolder } from '../../scripts/provision/trees.mjs'
import { toHex } from '../../src/bytes/hex.ts'
import { main } from '../../src/cli/main.ts'
import { decodeVariableUpdate } from '../../src/formats/efi-variable/index.ts'
import { fakeContext } from '../cli/fake-context.ts'
import { makeKey } from '../support/keys.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { makeEsp } from './harness/disks.ts'
import { start } from './harness/process.ts'

const VARIABLES = ['PK', 'KEK', 'db'] as const
/** Far more than emulated firmware takes on a busy machine. */
const BOOT_SECONDS = 180

describe.runIf(available('root', 'guest:trixie', 'guest:sid')).each(GENERATIONS)(
  'systemd-boot of %s',
  (_, tree) => {
    const folder = temporaryFolder()
    const at = (name: string) => join(folder, name)

    beforeAll(async () => {
      const [pk, kek, release] = ['PK', 'KEK', 'release'].map((name) => {
        return makeKey(folder, name === 'release' ? 'rsa4096' : 'rsa2048', name)
      }) as [Key, Key, Key]
      const args = [
        ...['trust', 'enroll', at('auto'), release.certificate, '--timestamp', '@1700000000'],
        ...['--private-key', pk.privateKey, '--certificate', pk.certificate],
        ...['--kek-private-key', kek.privateKey, '--kek-certificate', kek.certificate],
      ]
      const context = fakeContext({ now: new Date() })
      expect([await main(args, context), context.written.stderr]).toEqual([0, ''])
    })
    type Key = ReturnType<typeof makeKey>

    test('enrolls the keys, and nothing else is in the variables', async () => {
      const { console, found } = await boot('sound', at('auto/PK.auth'))
      expect(console).toContain('Custom Secure Boot keys successfully enrolled')
      for (const variable of VARIABLES) {
        expect(found.get(variable)).toBe(toHex(readFileSync(at(`auto/${variable}.esl`))))
      }
    })

    test('is refused a platform key whose signature is not right', async () => {
      const bytes = new Uint8Array(readFileSync(at('auto/PK.auth')))
      const { data } = decodeVariableUpdate(bytes)
      bytes[bytes.length - data.length - 1]! ^= 1
      writeFileSync(at('damaged.auth'), bytes)
      const { console, found } = await boot('damaged', at('damaged.auth'))
      expect(console).not.toContain('successfully enrolled')
      expect(found.has('PK')).toBe(false)
    })

    /** Boots an empty machine from an ESP with the keys, until it restarts or gives up. */
    async function boot(name: string, platformKey: string) {
      const own = at(name)
      mkdirSync(own)
      const variables = join(own, 'variables.fd')
      copyFileSync('/usr/share/OVMF/OVMF_VARS_4M.fd', variables)
      writeFileSync(join(own, 'loader.conf'), 'timeout 0\nsecure-boot-enroll force\n')
      const loader = 'usr/lib/systemd/boot/efi/systemd-bootx64.efi'
      const esp = makeEsp(
        {
          'EFI/BOOT/BOOTX64.EFI': join(treeFolder(tree), loader),
          'loader/loader.conf': join(own, 'loader.conf'),
          'loader/keys/auto/PK.auth': platformKey,
          'loader/keys/auto/KEK.auth': at('auto/KEK.auth'),
          'loader/keys/auto/db.auth': at('auto/db.auth'),
        },
        own,
      )
      const console = await runFirmware(variables, esp, join(own, 'console'))
      const json = join(own, 'variables.json')
      outputInTree(tree, folder, 'virt-fw-vars', ['-i', variables, '--output-json', json])
      const store: Store = JSON.parse(readFileSync(json, 'utf8'))
      return { console, found: new Map(store.variables.map((each) => [each.name, each.data])) }
    }
  },
)

/** The variables as virt-fw-vars writes them. */
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
