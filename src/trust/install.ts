/** `extsign trust install`: certificates put where systemd looks for them, each in a file of its own. */

import { lstat, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { KeyError } from '../errors.ts'
import { allOf } from '../files/all-of.ts'
import { toFileError } from '../files/errno.ts'
import { withLock } from '../files/lock.ts'
import { type NewFolders, withNewFolders } from '../files/new-folders.ts'
import { commitOutputs } from '../files/output.ts'
import { createOutputs, type OutputFile } from '../files/outputs.ts'
import { assertInside } from '../files/outside.ts'
import { formatPem } from '../formats/x509/pem.ts'
import {
  findValidityWarning,
  type LoadedCertificate,
  loadCertificate,
} from '../keys/certificate.ts'
import { judgeCertificate } from '../keys/doors.ts'
import { readTrustDirectories, VERITY_DIRECTORIES } from '../keys/trust.ts'

export interface InstallOptions {
  /** Files with one certificate each, PEM or DER. */
  readonly certificates: readonly string[]
  /** The root folder of the machine or image. */
  readonly root: string
  /** `local`: /etc/verity.d, the default; `vendor`: /usr/lib/verity.d. */
  readonly place?: 'local' | 'vendor' | undefined
  /** Name of the file instead of that of the source; for one certificate. */
  readonly name?: string | undefined
  /** Replace another certificate that has the name. */
  readonly force?: boolean | undefined
  /** The clock: with it, certificates outside their validity give a warning. */
  readonly now?: Date | undefined
}

export interface InstalledCertificate {
  readonly source: string
  readonly path: string
  readonly state: 'installed' | 'unchanged' | 'replaced'
  readonly subject: string
  /** Hexadecimal. */
  readonly serial: string
  readonly fingerprint: string
  readonly warnings: readonly string[]
}

/** Of folders that are made, whatever the umask: who can write to them chooses whom the machine trusts. */
const FOLDER_MODE = 0o755
const PLACES = { local: 'etc/verity.d', vendor: 'usr/lib/verity.d' } as const

/**
 * Installs certificates as PEM with the suffix `.crt`, mode 0644: all of them or none. One that is
 * there already is left alone. What is replaced keeps its mode, owner and the link that leads to it.
 *
 * @throws KeyError as `loadCertificate`; BAD_OPTION, UNSUPPORTED for a key nobody verifies with,
 *   EXISTS where another certificate has the name; FileError.
 */
export async function installCertificates(
  options: InstallOptions,
): Promise<readonly InstalledCertificate[]> {
  const { root, place = 'local', force = false } = options
  const wanted = await loadAll(options)
  const directory = join(root, PLACES[place])
  const look = async () => {
    const planned: PlannedFile[] = []
    for (const { certificate, name } of wanted) {
      const path = await findFile(root, join(directory, name))
      planned.push({ path, certificate, state: await findState(path, certificate, force) })
    }
    return planned
  }
  const files = await withNewFolders(async (folders) => {
    await makeDirectory(root, PLACES[place], folders)
    return writeMissing(directory, force, look)
  })
  const used = await readTrustDirectories(
    VERITY_DIRECTORIES.map((folder) => join(root, folder)),
    { allowMissing: true },
  )
  return wanted.map(({ certificate, name }, index) => {
    const path = join(directory, name)
    const hidden = used.ignored.find((file) => file.path === path)
    return {
      source: certificate.sourceFile,
      path,
      state: files[index]!.state, // as many as wanted
      subject: certificate.subject.text,
      serial: toHex(certificate.serial),
      fingerprint: certificate.fingerprint,
      warnings: [
        ...(hidden ? [`${path} is ignored: ${hidden.reason}`] : []),
        ...findWarnings(certificate, options.now),
      ],
    }
  })
}

interface CertificateFile {
  readonly path: string
  readonly certificate: LoadedCertificate
}

interface PlannedFile extends CertificateFile {
  readonly state: InstalledCertificate['state']
}

/** Writes what is missing, which is looked at again while nothing else changes the directory. */
async function writeMissing(
  directory: string,
  force: boolean,
  look: () => Promise<readonly PlannedFile[]>,
): Promise<readonly PlannedFile[]> {
  const isMissing = ({ state }: PlannedFile) => state !== 'unchanged'
  const found = await look()
  // A directory that cannot be written to may have everything.
  if (!found.some(isMissing)) return found
  return withLock(directory, async () => {
    const planned = await look()
    await writeAll(planned.filter(isMissing), force)
    return planned
  })
}

interface Wanted {
  readonly certificate: LoadedCertificate
  readonly name: string
}

async function loadAll({ certificates, name }: InstallOptions): Promise<readonly Wanted[]> {
  if (name !== undefined && certificates.length > 1) {
    throw new KeyError('BAD_OPTION', `one name for ${certificates.length} certificates`)
  }
  const wanted: Wanted[] = []
  for (const path of certificates) {
    const certificate = await loadCertificate(path)
    assertUsable(certificate)
    const own = { certificate, name: fileName(name ?? basename(path)) }
    const twin = wanted.find((other) => other.name === own.name)
    if (twin) {
      const sources = `${twin.certificate.sourceFile} and ${path}`
      throw new KeyError('BAD_OPTION', `${sources} would both become ${own.name}`, {
        hint: 'install them one by one, with --name',
      })
    }
    wanted.push(own)
  }
  return wanted
}

function assertUsable(certificate: LoadedCertificate): void {
  const { sourceFile, certificatesInFile } = certificate
  if (certificatesInFile > 1) {
    throw new KeyError(
      'BAD_OPTION',
      `${sourceFile} holds ${certificatesInFile} certificates, of which systemd would read one`,
      { hint: 'put the certificate of the key that signs into a file of its own' },
    )
  }
  const file = { path: 'certificate.crt', encoding: 'pem' as const } // what it becomes
  const door = judgeCertificate(certificate, file).find(({ door }) => door === 'verity.d')
  if (door && !door.accepted) throw new KeyError('UNSUPPORTED', `${sourceFile}: ${door.reason}`)
}

/** `release.pem` becomes `release.crt`. */
function fileName(text: string): string {
  const stem = text.replace(/\.(?:crt|cert|cer|der|pem)$/i, '')
  if (/^[^./\0][^/\0]{0,199}$/.test(stem)) return `${stem}.crt`
  throw new KeyError('BAD_OPTION', `${JSON.stringify(text)} is no name for a file in verity.d`, {
    hint: 'systemd skips hidden files without a word; --name gives another name',
  })
}

/** Makes `folder` below `root`, never following a link that leads out of it. */
async function makeDirectory(root: string, folder: string, folders: NewFolders): Promise<void> {
  await realpath(root).catch((error) => {
    throw toFileError(error, { path: root, verb: 'read' })
  })
  let path = root
  for (const name of folder.split('/')) {
    path = join(path, name)
    folders.make(path, FOLDER_MODE)
    await assertInside(root, path)
  }
}

/** The file to write: behind a link, the one it leads to, which has to be below `root` too. */
async function findFile(root: string, path: string): Promise<string> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isSymbolicLink() ? assertInside(root, path) : path
}

async function findState(
  path: string,
  certificate: LoadedCertificate,
  force: boolean,
): Promise<InstalledCertificate['state']> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  )
  if (!isThere) return 'installed'
  const found = await loadCertificate(path).catch((error) => {
    if (error instanceof KeyError) return undefined
    throw error
  })
  const isSame = found !== undefined && equalBytes(found.der, certificate.der)
  if (isSame && found.encoding === 'pem' && found.certificatesInFile === 1) return 'unchanged'
  if (force) return 'replaced'
  const what = found
    ? `holds ${isSame ? 'more or other than' : 'another certificate than'}`
    : 'is no certificate; it is not'
  throw new KeyError('EXISTS', `${path} exists and ${what} ${certificate.sourceFile}`, {
    hint: '--name installs it beside the other, --force replaces that',
  })
}

/**
 * Installs one certificate into a directory that is there, beside what is in it.
 *
 * @param name of the file, without the suffix
 * @throws KeyError UNSUPPORTED, EXISTS; FileError.
 */
export async function installInto(
  directory: string,
  certificate: LoadedCertificate,
  name: string,
): Promise<void> {
  assertUsable(certificate)
  const path = join(directory, fileName(name))
  const state = await findState(path, certificate, false)
  if (state !== 'unchanged') await writeAll([{ path, certificate }], false)
}

/** Those that are replaced keep their permissions and owner. */
async function writeAll(files: readonly CertificateFile[], force: boolean): Promise<void> {
  const wanted: OutputFile[] = []
  for (const { path } of files) {
    const found = await lstat(path).catch(() => undefined)
    wanted.push({ path, force, ...(found && { mode: found.mode & 0o777, owner: found }) })
  }
  const outputs = await createOutputs(wanted)
  try {
    for (const [index, { certificate }] of files.entries()) {
      await outputs[index]?.write(encodeUtf8(formatPem('CERTIFICATE', certificate.der)), 0)
    }
    await commitOutputs(outputs)
  } finally {
    await allOf(outputs.map((output) => output.abort()))
  }
}

function findWarnings(certificate: LoadedCertificate, now: Date | undefined): readonly string[] {
  const { sourceFile, extensions } = certificate
  const validity = now && findValidityWarning(certificate, now, sourceFile)
  const isAuthority = extensions.basicConstraints?.certificateAuthority === true
  return [
    ...(validity === undefined ? [] : [validity]),
    ...(isAuthority
      ? [`${sourceFile} is an authority: systemd takes what it signed itself, not what was issued`]
      : []),
  ]
}
