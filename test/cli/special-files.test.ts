import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allCommands } from '../../src/cli/registry.ts'
import { tinyImage } from '../formats/erofs/tiny-image.ts'
import { buildImage, signingWith } from '../images/fixtures.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { makePe, ukiSections, writeFiles } from '../policies/boot-files.ts'
import { makePolicyKey, room } from '../policies/images.ts'
import { makeUki } from '../support/pe.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign } from './fake-context.ts'

// Every argument that names a file is given a fifo into which nothing writes, a directory, devices
// without end, a socket and a link to nothing. The command must end, and say what is wrong with which.

/** A line for each command, all of whose words with @ are files. */
const LINES = [
  'sysext @tree -o @new.raw --private-key @new.key --certificate @new.crt --os-release @os-release --metadata @manifest --name new --passphrase-file @text',
  'confext @tree -o @new.raw --unsigned --name new --id _any --metadata @manifest',
  'wrap @plain.erofs -o @new.raw --name new --private-key @new.key --certificate @new.crt',
  'request @1.raw -o @new.request',
  'request @1.raw -o @new.request --root @.',
  'sign @request.json -o @new.response --private-key @new.key --certificate @new.crt',
  'attach @response.json --root @. --certificate @new.crt --old-certificate @old.crt',
  'attach @request.json --signature @text --certificate @new.crt',
  'resign @1.raw --private-key @new.key --certificate @new.crt --old-certificate @old.crt',
  'verify @1.raw --certificate @old.crt --trust-directory @trust --os-release @os-release',
  'inspect @1.raw',
  'ls @1.raw',
  'unpack @1.raw @new-folder --certificate @old.crt',
  'unpack @1.raw @new-folder --trust-directory @trust',
  'keys new --directory @new-folder --passphrase-file @text',
  'keys inspect @new.key --passphrase-file @text',
  'agent --socket @new.socket --private-key @new.key --certificate @new.crt --old-public-key @pcr.pub',
  'cred encrypt --with-key=host @plain @new.cred --host-secret @host.secret',
  'cred encrypt --with-key=tpm2-with-public-key --tpm2-device-key @srk.pub --tpm2-public-key @pcr.pub @plain @new.cred',
  'cred decrypt --name= @sealed.cred @new-secret --host-secret @host.secret',
  'cred inspect @sealed.cred',
  'cred batch @batch.toml',
  'cred rekey @credentials @new-folder --old-host-secret @host.secret --with-key=host --host-secret @host.secret',
  'cred rekey @credentials @new-folder --old-host-secret @host.secret --with-key=tpm2-with-public-key --tpm2-device-key @srk.pub --tpm2-public-key @pcr.pub',
  'cred setup @new.secret',
  'pcr calculate --uki @linux.efi',
  'pcr calculate --linux @text --osrel @text --cmdline @text --initrd @text --ucode @text --splash @text --dtb @text --dtbauto @text --uname @text --sbat @text --pcrpkey @text --hwids @text --efifw @text',
  'pcr sign --uki @linux.efi --private-key @pcr.key --public-key @pcr.pub --append @policies.json --signatures @new.json',
  'pcr sign --uki @linux.efi --private-key @pcr.key --certificate @pcr.crt --output @new.efi',
  'pcr policy-digest --uki @linux.efi --public-key @pcr.pub --append @policies.json',
  'pcr policy-digest --uki @linux.efi --certificate @pcr.crt',
  'pcr join --uki @linux.efi --public-key @pcr.pub --output @new.efi @policies.json',
  'pcr join --request @policies.json --public-key @pcr.pub --signatures @new.json @policies.json',
  'pcr verify @policies.json --uki @linux.efi --public-key @pcr.pub',
  'pcr predict --uki @esp/EFI/Linux/linux.efi --esp @esp --entry @entry.conf',
  'pcr predict --uki @esp/EFI/Linux/linux.efi --esp @esp --initrd-version=262 --phase=enter-initrd --format=policy --private-key @pcr.key',
  'pcr explain @prediction.json --dump @dump',
  'pcr explain @policies.json --dump @dump --prediction @prediction.json',
  'pcr explain @policies.json --dump @dump --event-log @text',
  'pcr pcrlock --uki @esp/EFI/Linux/linux.efi --esp @esp --entry @entry.conf --output @new-folder',
  'trust install @new.crt --root @.',
  'trust check @trust @1.raw',
  'trust esl @new.crt --output @new.esl',
  'trust esl --list @list.esl --output @new.esl',
  'trust auth db --timestamp=now @new.crt --private-key @pcr.key --certificate @pcr.crt --output @new.auth',
  'trust enroll --timestamp=now @new-folder @pcr.crt --private-key @pcr.key --certificate @pcr.crt --kek-private-key @pcr.key --kek-certificate @pcr.crt',
  'rotate @rotation.toml',
]

/** Read as others are, and only with what else has to fit: policies in a TPM, keys with a passphrase. */
const UNTRIED = ['tpm2-signature', 'old-tpm2-signature', 'kek-passphrase-file']

/** Where a folder is what is wanted, or may be. */
const FOLDERS = ['@tree', '@trust', '@.', '@esp', '@credentials', '@new-folder', '@new.raw']

const KINDS = ['fifo', 'directory', 'zero', 'full', 'socket', 'dangling'] as const
type Kind = (typeof KINDS)[number]

/** Longer than a fifo is given until something writes into it. */
const SOON = 20_000

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const server = createServer()

beforeAll(async () => {
  const [old, current, policy] = [makeTestKey('p256'), makeTestKey('p256'), makePolicyKey()]
  await buildImage(folder, '1.raw', { 'usr/lib/data': 'data' }, { signing: signingWith(old) })
  await buildImage(folder, 'unsigned.raw', { 'usr/lib/data': 'data' })
  writeFiles(folder, {
    'esp/EFI/Linux/linux.efi': makePe(ukiSections(262, [['.cmdline', 'quiet']])),
    'entry.conf': 'uki /EFI/Linux/linux.efi\n',
    'old.crt': old.certificatePem,
    'new.crt': current.certificatePem,
    'trust/old.crt': old.certificatePem,
    'pcr.crt': policy.certificatePem,
    'pcr.pub': policy.publicKeyPem,
    'os-release': 'ID=debian\nVERSION_ID=13\n',
    manifest: '#mtree\n',
    text: 'text',
    plain: 'secret',
    'tree/usr/lib/data': 'data',
    'tree/etc/data': 'data',
    'batch.toml': `[[credential]]\nname = "x"\n`,
    'rotation.toml': `[[images]]\nfiles = ["missing.raw"]\n`,
  })
  for (const [name, { keyPem }] of Object.entries({ new: current, pcr: policy })) {
    writeFileSync(at(`${name}.key`), keyPem, { mode: 0o600 })
  }
  writeFileSync(at('plain.erofs'), tinyImage([{ name: 'x' }]).bytes)
  writeFileSync(
    at('linux.efi'),
    makeUki([{ name: '.pcrpkey', content: policy.publicKeyPem }, room()]),
  )
  const run = async (line: string) => {
    const { code, stdout, stderr } = await extsign(wordsOf(line), { cwd: folder })
    expect(`${line}: ${code} ${stderr}`).toMatch(/: 0 /)
    return stdout
  }
  await run('request @unsigned.raw -o @request.json')
  await run('sign @request.json -o @response.json --private-key @new.key --certificate @new.crt')
  await run(`cred setup --machine-id ${'a'.repeat(32)} @host.secret`)
  mkdirSync(at('credentials'))
  await run('cred encrypt --with-key=host --host-secret @host.secret @plain @sealed.cred')
  await run('cred encrypt --with-key=host --host-secret @host.secret @plain @credentials/x.cred')
  await run('trust esl @new.crt --output @list.esl')
  const signing = '--uki @linux.efi --private-key @pcr.key --public-key @pcr.pub'
  await run(`pcr sign ${signing} --signatures @policies.json`)
  const boot = '--uki @esp/EFI/Linux/linux.efi --esp @esp --initrd-version=262 --phase=enter-initrd'
  writeFileSync(at('prediction.json'), await run(`pcr predict ${boot} --json`))
  writeFileSync(at('dump'), `11:sha256=${'0'.repeat(64)}\n`)
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(at('srk.pub'), publicKey.export({ format: 'pem', type: 'spki' }))
  server.listen(at('the.socket'))
  await once(server, 'listening')
}, 60_000)

afterAll(() => {
  server.close()
})

/** The words of a line, with one file in the place of another. */
function wordsOf(line: string, place = -1, other = ''): string[] {
  return line
    .split(' ')
    .map((word, index) =>
      !word.startsWith('@') ? word : index === place ? other : at(word.slice(1)),
    )
}

function makeSpecial(kind: Kind, path: string): string {
  switch (kind) {
    case 'fifo':
      execFileSync('mkfifo', [path])
      return path
    case 'directory':
      mkdirSync(path)
      return path
    case 'zero':
      return '/dev/zero'
    case 'full':
      return '/dev/full'
    case 'socket':
      return at('the.socket')
    case 'dangling':
      symlinkSync(at('nothing'), path)
      return path
  }
}

test('each option with a file is among them, and each command with one', async () => {
  const missing: string[] = []
  for (const { path, entry } of allCommands()) {
    const command = await entry.load()
    for (const argument of Object.values(command.arguments)) {
      if (argument.kind === 'flag' || argument.type.completes === undefined) continue
      const isTried = LINES.some((line) =>
        argument.kind === 'option'
          ? line.includes(` --${argument.long} @`) || line.includes(` -${argument.short} @`)
          : line.startsWith(`${path} `),
      )
      if (!isTried && !UNTRIED.includes(argument.kind === 'option' ? argument.long : path)) {
        missing.push(`${path} ${argument.kind === 'option' ? argument.long : ''}`)
      }
    }
  }
  expect(missing).toEqual([])
})

// Together, because most of the time is spent on waiting for fifos.
describe.concurrent.each(LINES)('%s', (line) => {
  const words = line.split(' ')
  const places = words.flatMap((word, index) => (word.startsWith('@') ? [index] : []))

  test('ends, whatever a file is', async ({ expect }) => {
    const found: string[] = []
    const tried = places.flatMap((place) =>
      KINDS.flatMap((kind) =>
        kind === 'directory' && FOLDERS.includes(words[place]!) ? [] : [[place, kind] as const],
      ),
    )
    await Promise.all(
      tried.map(async ([place, kind], index) => {
        const path = makeSpecial(kind, at(`special-${index}-${LINES.indexOf(line)}`))
        const what = `${line.split(' ')[place]} as ${kind}`
        const end = await Promise.race([
          extsign(wordsOf(line, place, path), {
            cwd: folder,
            signal: AbortSignal.timeout(SOON - 1000),
          }),
          sleep(SOON),
        ])
        if (!end) found.push(`${what} never ends`)
        else if (end.code === 0) found.push(`${what} is taken: ${end.stderr}`)
        else if (!/^extsign: error: /m.test(end.stderr) || end.stderr.includes('a bug in'))
          found.push(`${what}: ${end.code} ${end.stderr.slice(0, 300)}`)
        else if (!end.stderr.includes(basename(path)))
          found.push(`${what} is not named: ${end.stderr}`)
        if (existsSync(path) && kind === 'directory') rmSync(path, { recursive: true })
      }),
    )
    expect(found).toEqual([])
  }, 60_000)
})
