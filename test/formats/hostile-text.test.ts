import { expect, test } from 'vitest'
import { fromHex } from '../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import type { ManifestRecord } from '../../src/cli/credential/manifest-fields.ts'
import { readJsonLines } from '../../src/cli/credential/manifest-json-lines.ts'
import { readLines } from '../../src/cli/credential/manifest-lines.ts'
import { readToml } from '../../src/cli/credential/manifest-toml.ts'
import { type ContentKind, findContentProblem } from '../../src/credentials/content.ts'
import { matchesGlob } from '../../src/credentials/glob.ts'
import { parsePcrSelection } from '../../src/credentials/pcr-selection.ts'
import { parseTime } from '../../src/credentials/time.ts'
import { ExtsignError, FormatError } from '../../src/errors.ts'
import { parseBootEntry } from '../../src/formats/boot-entry.ts'
import { parseCredentialText } from '../../src/formats/credential/text.ts'
import { parseUserspaceLog } from '../../src/formats/event-log/userspace.ts'
import { parseImagePolicy } from '../../src/formats/image-policy.ts'
import { parseJson } from '../../src/formats/json.ts'
import { formatJsonText } from '../../src/formats/json-text.ts'
import { parsePcrDump } from '../../src/formats/pcr-dump.ts'
import { parsePcrSignatures } from '../../src/formats/pcr-signature.ts'
import {
  appendPcrSignatures,
  isEqualJson,
  parsePcrSignatureDocument,
} from '../../src/formats/pcr-signature-document.ts'
import { parsePkcs11Uri } from '../../src/formats/pkcs11-uri.ts'
import { parseAssignments } from '../../src/formats/release/env-file.ts'
import { findFieldProblem } from '../../src/formats/release/index.ts'
import { parseAgentRequest, parseAgentResponse } from '../../src/formats/signing-agent.ts'
import { parseSigningRequest, parseSigningResponse } from '../../src/formats/signing-request.ts'
import { decodeVeritySignature } from '../../src/formats/verity-signature.ts'
import { compareVersions } from '../../src/formats/version.ts'
import { parsePem } from '../../src/formats/x509/pem.ts'
import { readCommandWords } from '../../src/keys/signers/command-words.ts'
import { assertOptions, mangle } from '../../src/policies/predict/command-line.ts'
import { encodeCapability } from '../../src/tree/capability.ts'
import { compileExcludes } from '../../src/tree/exclude.ts'
import { parseManifest } from '../../src/tree/manifest.ts'
import { decodeVis } from '../../src/tree/vis.ts'

// Texts that make a parser which starts over, counts anew or calls itself take much longer than the
// text is long. Each parser gets all of them: it ends with a value or with an error of its own.

const UNITS = [
  ...[
    ' ',
    '\t',
    '\r',
    '\n',
    '\0',
    'a',
    'A',
    '0',
    '9',
    '/',
    '.',
    '-',
    '*',
    '?',
    '"',
    "'",
    '#',
    '~',
    '^',
  ],
  ...[
    '\\',
    '\\"',
    ':',
    '=',
    ',',
    '@',
    '%',
    '+1',
    '=e',
    'a.',
    'a-',
    'usr/',
    '0x',
    'a=1 ',
    ';rootid=1',
  ],
  ...['{', '[', '{"a":', '"a":1,', 'ssh-rsa ', '-----BEGIN A-----\n'],
]
const OPENINGS = ['', 'options a', '"', '{"x":"', '1 ', '@', '+']
const ENDINGS = ['', 'x', ' x\n']

function* texts(size: number): Generator<(factor: number) => string> {
  for (const unit of UNITS) {
    for (const opening of OPENINGS) {
      for (const ending of ENDINGS) {
        yield (factor) => `${opening}${unit.repeat((factor * size) / unit.length)}${ending}`
      }
    }
  }
}

type Parser = (text: string) => unknown

const onBytes = (parse: (bytes: Uint8Array) => unknown) => (text: string) => parse(encodeUtf8(text))

const CONTENTS = [
  ...(['text', 'line', 'word', 'path', 'locale', 'timezone', 'hostname', 'machine-id'] as const),
  ...(['crypt', 'ssh-keys', 'wireguard', 'socket', 'wol', 'json', 'pem'] as const),
] satisfies ContentKind[]

const PARSERS: Readonly<Record<string, Parser>> = {
  'boot entry': onBytes(parseBootEntry),
  'image of a boot entry': (text) => parseBootEntry(encodeUtf8(`linux /a\noptions a${text}x`)),
  'command line': mangle,
  'boot options': assertOptions,
  'os-release': onBytes((bytes) => parseAssignments(bytes, 'os-release')),
  'value in os-release': (text) => parseAssignments(encodeUtf8(`ID="${text}`), 'os-release'),
  'field of a release file': (text) => findFieldProblem('sysext', 'SYSEXT_SCOPE', text),
  'dump of PCRs': onBytes(parsePcrDump),
  'event log': onBytes(parseUserspaceLog),
  'policy file': onBytes(parsePcrSignatures),
  'policy file to append to': onBytes(parsePcrSignatureDocument),
  request: onBytes(parseSigningRequest),
  response: onBytes(parseSigningResponse),
  'question of an agent': onBytes(parseAgentRequest),
  'answer of an agent': onBytes(parseAgentResponse),
  'signature partition': onBytes(decodeVeritySignature),
  'image policy': parseImagePolicy,
  'PKCS#11 URI': (text) => parsePkcs11Uri(`pkcs11:${text}`),
  PEM: parsePem,
  'credential file': onBytes(parseCredentialText),
  'credential in a unit': (text) =>
    parseCredentialText(encodeUtf8(`SetCredentialEncrypted=a:${text}`)),
  'PCR selection': parsePcrSelection,
  time: (text) => parseTime(text, 0n),
  hexadecimal: fromHex,
  'version on the left': (text) => compareVersions(text, `${text}1`),
  'command words': (text) => readCommandWords(`[${text}`).catch(rethrowBugs),
  'exclude pattern': (text) => compileExcludes([text]),
  manifest: (text) => parseManifest(`#mtree\n${text}`, 'manifest'),
  capability: encodeCapability,
  'escaped name': decodeVis,
  'manifest in TOML': (text) => readFields(readToml(linesOf(text))),
  'manifest in JSON Lines': (text) => readFields(readJsonLines(linesOf(text))),
  glob: (text) => matchesGlob('a*b?c*', text),
  ...Object.fromEntries(
    CONTENTS.map((kind) => [
      `content ${kind}`,
      (text: string) => findContentProblem(kind, encodeUtf8(text)),
    ]),
  ),
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield encodeUtf8(text)
}

function linesOf(text: string) {
  return readLines(bytesOf(text))
}

async function readFields(records: AsyncIterable<ManifestRecord>): Promise<void> {
  for await (const { fields } of records) fields()
}

function rethrowBugs(error: unknown): void {
  const isOwn = error instanceof ExtsignError || error instanceof SyntaxError
  if (!isOwn) throw error
}

async function run(parse: Parser, text: string): Promise<number> {
  const start = performance.now()
  try {
    await parse(text)
  } catch (error) {
    rethrowBugs(error)
  }
  return performance.now() - start
}

const SIZE = 16_000
/** Milliseconds below which no growth is measured. */
const SHORT = 40

test.each(Object.keys(PARSERS))(
  '%s: no text takes longer than its size explains',
  async (name) => {
    const parse = PARSERS[name]!
    for (const text of texts(SIZE)) {
      if ((await run(parse, text(1))) < SHORT) continue
      // Three times, as other programs take time too: what is quadratic takes 16 times as long.
      let least = Number.POSITIVE_INFINITY
      for (let attempt = 0; attempt < 3; attempt++) {
        const [short, long] = [await run(parse, text(1)), await run(parse, text(4))]
        least = Math.min(least, long < 4 * SHORT ? 0 : long / short)
      }
      expect(least, JSON.stringify(text(1).slice(0, 40))).toBeLessThan(9)
    }
  },
  120_000,
)

const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`

test('JSON as deep as systemd takes it passes through every function that follows it down', () => {
  const deepest = encodeUtf8(nested(2047))
  const document = parsePcrSignatureDocument(deepest)
  expect(isEqualJson(document, parsePcrSignatureDocument(deepest))).toBe(true)
  expect(formatJsonText(document, 'short')).toBe(nested(2047))
  expect(formatJsonText(document, 'pretty').length).toBeGreaterThan(4_000_000)
  expect(appendPcrSignatures(document, [])).toEqual(document)
})

test.each([2048, 100_000])('JSON of %i levels in a field is refused by name', (depth) => {
  const refuse = (fault: string) => new SyntaxError(fault)
  expect(() => parseJson(nested(depth), refuse)).toThrow('JSON of more than 2048 levels')
  // Brackets in a string are none.
  expect(parseJson(JSON.stringify('['.repeat(depth)), refuse)).toBe('['.repeat(depth))
  expect(() => parsePcrSignatures(encodeUtf8(nested(depth)))).toThrow(FormatError)
})
