/**
 * A key on a PKCS#11 token: the module loaded, the token found, its user logged in, the key found.
 *
 * The package `pkcs11js` is for whoever needs it to install. The module of the token runs in this
 * process; whoever does not want that holds the key with an agent of another user.
 */

import { copySecret } from '../../bytes/secret.ts'
import { trimEnd } from '../../bytes/trim.ts'
import { KeyError } from '../../errors.ts'
import type { Pkcs11Uri } from '../../formats/pkcs11-uri.ts'
import {
  Attribute,
  KeyType,
  ObjectClass,
  SESSION_SERIAL,
  TokenFlag,
  UserType,
} from './pkcs11-constants.ts'
import { explainTokenError, PIN_HINT } from './pkcs11-errors.ts'

/** What we use of pkcs11js 2.1. */
export interface Pkcs11 {
  load(path: string): void
  close(): void
  C_Initialize(): void
  C_Finalize(): void
  C_GetSlotList(tokenPresent: boolean): Buffer[]
  C_GetTokenInfo(slot: Buffer): TokenInfo
  C_OpenSession(slot: Buffer, flags: number): Buffer
  C_CloseSession(session: Buffer): void
  C_Login(session: Buffer, userType: number, pin: string): void
  C_FindObjectsInit(session: Buffer, template: Template): void
  C_FindObjects(session: Buffer, most: number): Buffer[]
  C_FindObjectsFinal(session: Buffer): void
  C_GetAttributeValue(session: Buffer, object: Buffer, template: Template): Template
  C_SignInit(session: Buffer, mechanism: { mechanism: number }, key: Buffer): void
  C_Sign(session: Buffer, data: Buffer, into: Buffer): Buffer
}

type Template = { type: number; value?: number | boolean | string | Buffer }[]

interface TokenInfo {
  readonly label: string
  readonly manufacturerID: string
  readonly model: string
  readonly serialNumber: string
  readonly flags: number
}

export interface TokenKey {
  readonly kind: 'rsa' | 'ec'
  /** What the mechanism makes of `data`. @throws KeyError */
  sign(mechanism: number, data: Uint8Array): Uint8Array
  /** Logs out. Signing afterwards is an error. */
  close(): void
}

const MAX_SIGNATURE = 1024

/**
 * Finds the one key that a URI names.
 *
 * @param pin tried once; absent where none is known yet
 * @throws KeyError NOT_FOUND, UNSUPPORTED, PASSPHRASE_NEEDED, WRONG_PASSPHRASE, SIGNER_FAILED
 */
export function openTokenKey(
  pkcs11: Pkcs11,
  uri: Pkcs11Uri,
  pin: Uint8Array | undefined,
): TokenKey {
  const { modulePath } = uri
  if (modulePath === undefined) {
    throw new KeyError('BAD_OPTION', 'the pkcs11 URI names no module', {
      hint: 'add ?module-path=/usr/lib/softhsm/libsofthsm2.so, or the module of your token',
    })
  }
  try {
    pkcs11.load(modulePath)
  } catch (cause) {
    throw new KeyError('NOT_FOUND', `PKCS#11 module ${modulePath} does not load`, { cause })
  }
  let name = `PKCS#11 module ${modulePath}`
  let session: Buffer | undefined
  const close = () => {
    // The token may be gone; there is nothing left to do for it then.
    const steps = [
      () => session && pkcs11.C_CloseSession(session),
      () => pkcs11.C_Finalize(),
      () => pkcs11.close(),
    ]
    for (const step of steps) attempt(step)
  }
  try {
    pkcs11.C_Initialize()
    const token = findToken(pkcs11, uri)
    name = `token "${token.info.label}"`
    session = pkcs11.C_OpenSession(token.slot, SESSION_SERIAL)
    logIn(pkcs11, session, token.info, pin)
    const key = findKey(pkcs11, session, uri, token.info.label)
    return tokenKey(pkcs11, session, key, { name, pin, close })
  } catch (error) {
    close()
    throw explainTokenError(error, name)
  }
}

interface Token {
  readonly slot: Buffer
  readonly info: TokenInfo
}

function findToken(pkcs11: Pkcs11, uri: Pkcs11Uri): Token {
  const tokens = pkcs11.C_GetSlotList(true).map((slot): Token => {
    const { flags, ...texts } = pkcs11.C_GetTokenInfo(slot)
    const info = {
      label: unpad(texts.label),
      manufacturerID: unpad(texts.manufacturerID),
      model: unpad(texts.model),
      serialNumber: unpad(texts.serialNumber),
      flags,
    }
    return { slot, info }
  })
  const found = tokens.filter(
    ({ slot, info }) =>
      fits(uri.token, info.label) &&
      fits(uri.manufacturer, info.manufacturerID) &&
      fits(uri.model, info.model) &&
      fits(uri.serial, info.serialNumber) &&
      fits(uri.slotId, numberOf(slot)),
  )
  const [token] = found
  if (token && found.length === 1) return token
  const labels = (token ? found : tokens).map(({ info }) => `"${info.label}"`).join(', ')
  throw new KeyError(
    'NOT_FOUND',
    token
      ? `the pkcs11 URI fits ${found.length} tokens`
      : 'no token is there that fits the pkcs11 URI',
    { hint: labels === '' ? 'there is no token at all' : `there are tokens ${labels}` },
  )
}

function logIn(pkcs11: Pkcs11, session: Buffer, info: TokenInfo, pin: Uint8Array | undefined) {
  if ((info.flags & TokenFlag.loginRequired) === 0) return
  const name = `token "${info.label}"`
  if ((info.flags & TokenFlag.pinLocked) !== 0) {
    throw new KeyError('WRONG_PASSPHRASE', `${name} has locked itself after wrong PINs`)
  }
  if (!pin) throw new KeyError('PASSPHRASE_NEEDED', `${name} wants its PIN`, { hint: PIN_HINT })
  pkcs11.C_Login(session, UserType.user, textOf(pin))
}

function findKey(pkcs11: Pkcs11, session: Buffer, uri: Pkcs11Uri, label: string): Buffer {
  const template: Template = [{ type: Attribute.class, value: ObjectClass.privateKey }]
  if (uri.object !== undefined) template.push({ type: Attribute.label, value: uri.object })
  if (uri.id) template.push({ type: Attribute.id, value: Buffer.from(uri.id) })
  pkcs11.C_FindObjectsInit(session, template)
  let found: Buffer[]
  try {
    found = pkcs11.C_FindObjects(session, 2)
  } finally {
    pkcs11.C_FindObjectsFinal(session)
  }
  const [key] = found
  if (key && found.length === 1) return key
  const fact = key ? 'several private keys that fit' : 'no private key that fits'
  throw new KeyError('NOT_FOUND', `token "${label}" has ${fact} the pkcs11 URI`, {
    hint: 'object= and id= name a key; pkcs11-tool --list-objects shows them',
  })
}

interface Holding {
  readonly name: string
  readonly pin: Uint8Array | undefined
  readonly close: () => void
}

function tokenKey(
  pkcs11: Pkcs11,
  session: Buffer,
  key: Buffer,
  { name, pin, close }: Holding,
): TokenKey {
  const read = (type: number) =>
    pkcs11.C_GetAttributeValue(session, key, [{ type }])[0]?.value as Buffer // asked without a value
  const type = numberOf(read(Attribute.keyType))
  if (type !== KeyType.rsa && type !== KeyType.ec) {
    throw new KeyError('UNSUPPORTED', `the key on ${name} is neither RSA nor EC`)
  }
  // Keys of smart cards may want the PIN for every single signature.
  const isAskedEachTime = attempt(() => numberOf(read(Attribute.alwaysAuthenticate))) === 1
  const kept = isAskedEachTime && pin ? copySecret(pin) : undefined
  let isOpen = true
  return {
    kind: type === KeyType.rsa ? 'rsa' : 'ec',
    sign(mechanism, data) {
      if (!isOpen) throw new KeyError('UNREADABLE', `${name} was let go`)
      try {
        pkcs11.C_SignInit(session, { mechanism }, key)
        if (kept) pkcs11.C_Login(session, UserType.contextSpecific, textOf(kept))
        const signature = pkcs11.C_Sign(session, Buffer.from(data), Buffer.alloc(MAX_SIGNATURE))
        return new Uint8Array(signature)
      } catch (error) {
        throw explainTokenError(error, name)
      }
    },
    close() {
      if (!isOpen) return
      isOpen = false
      kept?.fill(0)
      close()
    },
  }
}

/** The package takes PINs as text only, which cannot be overwritten. */
function textOf(pin: Uint8Array): string {
  return new TextDecoder().decode(pin)
}

function attempt<T>(step: () => T): T | undefined {
  try {
    return step()
  } catch {
    return undefined
  }
}

/** Texts of a token fill their field with blanks; some tokens fill it with zeros. */
function unpad(text: string): string {
  return trimEnd(text, '\0 ')
}

/** A CK_ULONG of four or eight bytes, or a CK_BBOOL of one. */
function numberOf(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0)
}

function fits<T>(wanted: T | undefined, found: T): boolean {
  return wanted === undefined || wanted === found
}
