/**
 * Whether a content can be what the reader of a credential expects. Only what is certainly wrong is
 * objected to, and no objection quotes the secret.
 */

import { decodeUtf8 } from '../bytes/utf8.ts'
import { parseMachineId } from '../formats/credential/host-secret.ts'
import { parseJson } from '../formats/json.ts'
import { parsePem } from '../formats/x509/pem.ts'

export type ContentKind =
  | 'secret'
  | 'text'
  | 'line'
  | 'word'
  | 'path'
  | 'locale'
  | 'timezone'
  | 'hostname'
  | 'machine-id'
  | 'crypt'
  | 'ssh-keys'
  | 'wireguard'
  | 'socket'
  | 'wol'
  | 'json'
  | 'pem'

/** Why readers of this kind cannot use `secret`, or undefined. */
export function findContentProblem(kind: ContentKind, secret: Uint8Array): string | undefined {
  if (secret.length === 0) return 'it is empty'
  if (kind === 'secret') return undefined
  const text = decodeUtf8(secret)
  if (text === undefined) return 'it is not UTF-8 text'
  if (text.includes('\0')) return 'it has a NUL byte'
  return PROBLEMS[kind](text.replace(/\n$/, ''))
}

const SSH_KEY =
  /(?:^|\s)(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com|(?:ssh|ecdsa|sk)-[a-z0-9-]+-cert-v01@openssh\.com)\s+AAAA[A-Za-z0-9+/]+={0,2}(?:\s|$)/

const CRYPT = /^!?(?:\$[a-z0-9]{1,8}\$[^:\n]+|_[./A-Za-z0-9]{19}|[./A-Za-z0-9]{13})$/

/** What is wrong with a text, its last newline taken away. */
const PROBLEMS: Readonly<
  Record<Exclude<ContentKind, 'secret'>, (text: string) => string | undefined>
> = {
  text: () => undefined,
  line: (text) => oneLine(text),
  word: (text) =>
    oneLine(text) ?? (/\s/.test(text) ? 'it has blanks, and one word is expected' : undefined),
  path: (text) => matching(/^\/[^\0]*$/, text, 'it is no absolute path'),
  locale: (text) =>
    matching(
      /^(?:C|POSIX|[a-z]{2,3}(?:_[A-Z]{2})?)(?:\.[A-Za-z0-9-]+)?(?:@[A-Za-z0-9]+)?$/,
      text,
      'it is no locale like de_DE.UTF-8',
    ),
  timezone: (text) =>
    matching(
      /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/,
      text,
      'it is no time zone like Europe/Berlin',
    ),
  hostname: (text) =>
    text.length > 64
      ? 'it has more than 64 characters'
      : matching(
          /^[A-Za-z0-9?](?:[A-Za-z0-9?-]*[A-Za-z0-9?])?(?:\.[A-Za-z0-9?](?:[A-Za-z0-9?-]*[A-Za-z0-9?])?)*$/,
          text,
          'it is no host name',
        ),
  'machine-id': (text) =>
    /^[0-9a-f-]+$/i.test(text) && parseMachineId(text) ? undefined : 'it is no machine ID',
  crypt: (text) => matching(CRYPT, text, 'it is no password as crypt(5) stores it'),
  'ssh-keys': findSshProblem,
  wireguard: (text) => matching(/^[A-Za-z0-9+/]{43}=$/, text, 'it is no key of 32 bytes in base64'),
  socket: (text) =>
    matching(
      /^(?:vsock(?:-stream|-dgram|-seqpacket)?:\d*:\d+|[/@].+)$/,
      text,
      'it is neither vsock:CID:PORT nor the path of a socket',
    ),
  wol: (text) => matching(/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i, text, 'it is no 00:11:22:33:44:55'),
  json: findJsonProblem,
  pem: findPemProblem,
}

function oneLine(text: string): string | undefined {
  return text.includes('\n') ? 'it has several lines, and one is expected' : undefined
}

function matching(pattern: RegExp, text: string, problem: string): string | undefined {
  return oneLine(text) ?? (pattern.test(text) ? undefined : problem)
}

function findSshProblem(text: string): string | undefined {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return 'it holds a private key'
  const lines = text.split('\n').map((line, index) => [line.trim(), index + 1] as const)
  const keys = lines.filter(([line]) => line !== '' && !line.startsWith('#'))
  if (keys.length === 0) return 'it holds no key'
  const wrong = keys.find(([line]) => !SSH_KEY.test(line))
  return wrong && `line ${wrong[1]} is no SSH public key`
}

function findJsonProblem(text: string): string | undefined {
  try {
    const value = parseJson(text, (fault) => new SyntaxError(`it is ${fault}`))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? undefined
      : 'it is no JSON object'
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return error.message
  }
}

function findPemProblem(text: string): string | undefined {
  try {
    return parsePem(text).length > 0 ? undefined : 'it is no PEM'
  } catch {
    return 'it is no PEM'
  }
}
