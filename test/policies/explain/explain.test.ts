import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { formatJson } from '../../../src/cli/json.ts'
import { replayEvents } from '../../../src/formats/pcr-event.ts'
import {
  appendPcrSignatures,
  type BankedSignature,
} from '../../../src/formats/pcr-signature-document.ts'
import type { PcrBank } from '../../../src/formats/tpm2/pcr.ts'
import { explainPcrs, parseExpectation } from '../../../src/policies/explain/explain.ts'
import {
  type Observation,
  readEventLog,
  readPcrDump,
} from '../../../src/policies/explain/observation.ts'
import { predictedPolicies } from '../../../src/policies/predict/forms.ts'
import { predictPcrs } from '../../../src/policies/predict/predict.ts'
import type { PredictedEvent, Prediction } from '../../../src/policies/predict/prediction.ts'
import { makeHeader, makeLog } from '../../formats/event-log/make-log.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { makePe, ukiSections, writeFiles } from '../boot-files.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const PHASE = 'enter-initrd'
let prediction: Prediction
let events: readonly PredictedEvent[]
let later: readonly PredictedEvent[]

beforeAll(async () => {
  const esp = writeFiles(at('esp'), {
    'x.efi': makePe(ukiSections(262)),
    'x.efi.extra.d/a.cred': 'AAAA',
    'x.efi.extra.d/b.raw': 'BBBB',
    'loader/credentials/c.cred': 'CCCC',
  })
  const uki = join(esp, 'x.efi')
  const banks = ['sha1', 'sha256'] as const
  prediction = await predictPcrs({ uki, esp, banks, initrdVersion: 262, options: 'quiet' })
  events = prediction.events
  later = prediction.states.find(({ phase }) => phase === PHASE)!.events
})

const saved = (value: unknown = prediction) =>
  parseExpectation(Buffer.from(typeof value === 'string' ? value : formatJson(value)))

/** Values as tpm2_pcrread prints them, after these events. */
function dumpOf(measured: readonly PredictedEvent[], banks: readonly PcrBank[] = ['sha256']) {
  const hex = (bank: PcrBank, pcr: number) =>
    Buffer.from(replayEvents(bank, pcr, measured)).toString('hex')
  return banks
    .map(
      (bank) => `${bank}:\n${[11, 12, 13].map((pcr) => `${pcr}: 0x${hex(bank, pcr)}\n`).join('')}`,
    )
    .join('')
}

/** A log of firmware in which these events are EV_IPL. */
function logOf(measured: readonly PredictedEvent[]): Uint8Array {
  const number = (value: number, size: number) => {
    const bytes = Buffer.alloc(size)
    bytes.writeUIntLE(value, 0, size)
    return bytes
  }
  const records = measured.flatMap(({ pcr, description, digests }) => {
    const data = Buffer.from(`${description}\0`, 'utf16le')
    const hashes = [number(4, 2), digests.get('sha1')!, number(11, 2), digests.get('sha256')!]
    return [number(pcr, 4), number(13, 4), number(2, 4), ...hashes, number(data.length, 4), data]
  })
  return Buffer.concat([makeHeader(['sha1', 'sha256']), ...records])
}

/** systemd's log of these events. */
function userLogOf(measured: readonly PredictedEvent[]): string {
  return measured
    .map(({ pcr, description, digests }) => {
      const list = [...digests].map(([hashAlg, digest]) => {
        return { hashAlg, digest: Buffer.from(digest).toString('hex') }
      })
      const content = { eventType: 'phase', string: description }
      return `\x1e${JSON.stringify({ pcr, digests: list, content_type: 'systemd', content })}\n`
    })
    .join('')
}

async function observe(
  given: {
    readonly dump?: readonly PredictedEvent[]
    readonly log?: readonly PredictedEvent[]
    readonly userLog?: readonly PredictedEvent[]
  },
  banks?: readonly PcrBank[],
): Promise<Observation> {
  const { dump, log, userLog } = given
  if (dump) writeFileSync(at('dump'), dumpOf(dump, banks))
  if (log) writeFileSync(at('log'), logOf(log))
  if (userLog) writeFileSync(at('user-log'), userLogOf(userLog))
  return {
    dump: dump ? await readPcrDump(at('dump')) : new Map(),
    logs: [
      ...(log ? [await readEventLog(at('log'))] : []),
      ...(userLog ? [await readEventLog(at('user-log'))] : []),
    ],
  }
}

const without = (list: readonly PredictedEvent[], description: string) =>
  list.filter((event) => event.description !== description)

describe('a machine in a predicted state fits', () => {
  test.each([
    ['when the kernel starts', '', () => events],
    ['in the initrd', PHASE, () => [...events, ...later]],
  ])('%s', async (_, phase, measured) => {
    const found = explainPcrs(saved(), await observe({ dump: measured() }))
    expect(found).toMatchObject({ ok: true, phase, differences: [] })
    expect(found.comparisons).toHaveLength(3)
  })

  test('by its logs alone', async () => {
    expect(explainPcrs(saved(), await observe({ log: events }))).toMatchObject({
      ok: true,
      phase: '',
    })
    const both = await observe({ log: events, userLog: later })
    expect(explainPcrs(saved(), both)).toMatchObject({ ok: true, phase: PHASE })
  })

  test('in the only bank that is known of it', async () => {
    const found = explainPcrs(saved(), await observe({ dump: events }, ['sha1']))
    expect(found.ok).toBe(true)
    expect(found.comparisons[0]?.what).toBe('PCR 11 of sha1')
  })
})

describe('the first event that differs is named', () => {
  test('by values: one that is missing', async () => {
    const dump = [...without(events, 'Credentials initrd'), ...later]
    const found = explainPcrs(saved(), await observe({ dump }))
    expect(found).toMatchObject({ ok: false, phase: PHASE })
    expect(found.differences).toMatchObject([
      { pcr: 12, kind: 'missing', position: 2, expected: { description: 'Credentials initrd' } },
    ])
    expect(found.differences[0]?.expected?.files).toEqual([at('esp/x.efi.extra.d/a.cred')])
  })

  test('by values: all after some point', async () => {
    const dump = events.filter(({ pcr }) => pcr !== 13)
    expect(explainPcrs(saved(), await observe({ dump })).differences).toMatchObject([
      { pcr: 13, kind: 'ended', position: 0, expected: { description: 'System extension initrd' } },
    ])
  })

  test('by values: not, where something else was measured', async () => {
    const dump = events.map((event) =>
      event.pcr === 13 ? { ...event, digests: events[0]!.digests } : event,
    )
    expect(explainPcrs(saved(), await observe({ dump })).differences).toMatchObject([
      { pcr: 13, kind: 'unknown', expected: undefined },
    ])
  })

  test('by the log: one that is another', async () => {
    const log = events.map((event) =>
      event.description === 'Global credentials initrd'
        ? { ...event, digests: events[0]!.digests }
        : event,
    )
    const [difference, ...more] = explainPcrs(saved(), await observe({ log })).differences
    expect(more).toEqual([])
    expect(difference).toMatchObject({
      pcr: 12,
      kind: 'changed',
      position: 3,
      expected: { files: [at('esp/loader/credentials/c.cred')] },
      found: { description: 'Global credentials initrd', type: 'EV_IPL', log: at('log') },
    })
    expect(difference?.found?.offset).toBeGreaterThan(100)
  })

  test.each([
    ['missing', () => without(events, 'Credentials initrd'), 2],
    [
      'unexpected',
      () => [...events.slice(0, 1), { ...events[1]!, pcr: 12 }, ...events.slice(1)],
      1,
    ],
    ['ended', () => events.slice(0, -1), undefined],
  ] as const)('by the log: one that is %s', async (kind, log, position) => {
    const { ok, differences } = explainPcrs(saved(), await observe({ log: log() }))
    expect(ok).toBe(false)
    expect(differences).toHaveLength(1)
    expect(differences[0]).toMatchObject(position === undefined ? { kind } : { kind, position })
  })

  test('by the log: one more than expected', async () => {
    const log = [...events, { ...events[0]!, pcr: 13 }]
    expect(explainPcrs(saved(), await observe({ log })).differences).toMatchObject([
      { pcr: 13, kind: 'unexpected', position: 1, expected: undefined, found: { pcr: 13 } },
    ])
  })

  test('in userspace too, with its log', async () => {
    const userLog = without(later, 'enter-initrd')
    const { phase, differences } = explainPcrs(saved(), await observe({ log: events, userLog }))
    expect(phase).toBe(PHASE)
    expect(differences).toMatchObject([
      { pcr: 11, kind: 'ended', expected: { description: 'enter-initrd', by: 'userspace' } },
    ])
  })
})

test('logs that do not account for a value are said to', async () => {
  const dump = [...events, ...later, { ...events[0]!, pcr: 13 }]
  const found = explainPcrs(saved(), await observe({ dump, log: events, userLog: later }))
  expect(found.ok).toBe(false)
  expect(found.comparisons.map(({ what, ok }) => `${what}: ${ok}`)).toContain(
    'the logs account for PCR 13 of sha256: false',
  )
})

describe('what is not known', () => {
  const partOf = async (pcrs: readonly number[]) => {
    const { dump } = await observe({ dump: events })
    const values = [...dump.get('sha256')!].filter(([pcr]) => pcrs.includes(pcr))
    return { dump: new Map([['sha256', new Map(values)]] as const), logs: [] }
  }

  test('is named and not compared, and no state is named where several fit', async () => {
    const found = explainPcrs(saved(), await partOf([12]))
    expect(found).toMatchObject({ ok: true, unknown: [11, 13], phase: '' })
    const states = prediction.states.map((state) => {
      return { ...state, events: state.events.filter(({ pcr }) => pcr === 11) }
    })
    const several = explainPcrs(saved({ ...prediction, states }), await partOf([12]))
    expect(several).toMatchObject({ ok: true, unknown: [11, 13], phase: undefined })
  })

  test('at all is an error and never a fit', async () => {
    const observation = await partOf([7])
    expect(() => explainPcrs(saved(), observation)).toThrow('PCR 11, 12, 13 of sha256 is not known')
  })

  test('by the log of systemd alone', async () => {
    const userLog = await observe({ userLog: later })
    expect(() => explainPcrs(saved(), userLog)).toThrow('nothing is known of the machine')
  })

  test('in a bank that the log of the firmware does not have', async () => {
    const policies = predictedPolicies({ ...prediction, banks: ['sha1'] }, [13])
    const document = Buffer.from(JSON.stringify(appendPcrSignatures({}, policies)))
    writeFileSync(
      at('one-bank'),
      makeLog([{ pcr: 4, type: 4, data: new Uint8Array(4) }], ['sha256']),
    )
    const observation = { dump: new Map(), logs: [await readEventLog(at('one-bank'))] }
    expect(() => explainPcrs(parseExpectation(document), observation)).toThrow('are not known')
  })
})

test('a machine without the banks of a prediction is compared in none', async () => {
  const observation: Observation = { dump: new Map([['sha384', new Map()]]), logs: [] }
  const { ok, comparisons } = explainPcrs(saved(), observation)
  expect({ ok, comparisons }).toEqual({
    ok: false,
    comparisons: [{ what: 'banks', ok: false, expected: 'sha1, sha256', found: 'sha384' }],
  })
})

test('nothing about a machine is an error', () => {
  const nothing = { dump: new Map(), logs: [] }
  expect(() => explainPcrs(saved(), nothing)).toThrow('nothing is known of the machine')
})

describe('policies', () => {
  const documentOf = (policies: readonly BankedSignature[]) =>
    parseExpectation(Buffer.from(JSON.stringify(appendPcrSignatures({}, policies))))

  test('allow the state of a machine', async () => {
    const found = explainPcrs(
      documentOf(predictedPolicies(prediction)),
      await observe({ dump: [...events, ...later] }),
    )
    expect(found.ok).toBe(true)
    expect(found.comparisons).toMatchObject([
      {
        what: 'policies over PCR 11, 12, 13 of sha256',
        detail: expect.stringMatching(/number 2: /),
      },
    ])
  })

  test('do not, and a prediction says why', async () => {
    const observation = await observe({ dump: without(events, 'Credentials initrd') })
    const expectation = documentOf(predictedPolicies(prediction))
    const found = explainPcrs(expectation, observation)
    expect(found).toMatchObject({ ok: false, differences: [] })
    expect(found.comparisons).toMatchObject([{ expected: 'one of 5' }])
    const state = saved()
    const explained = explainPcrs(expectation, observation, {
      prediction: state.kind === 'prediction' ? state.prediction : undefined,
    })
    expect(explained.differences).toMatchObject([{ pcr: 12, kind: 'missing' }])
  })

  test('over PCRs that nobody knows are an error', async () => {
    const policies = predictedPolicies({ ...prediction, banks: ['sha1'] })
    const observation = await observe({ dump: events })
    expect(() => explainPcrs(documentOf(policies), observation)).toThrow(
      'the PCRs of the policies are not known: 11+12+13 of sha1',
    )
  })
})

describe('what is expected is refused', () => {
  const event = () => JSON.parse(formatJson(events[0]))
  const broken = (change: object) => ({ banks: ['sha256'], events: [], states: [], ...change })
  test.each([
    ['text', () => 'hello', 'credential'],
    ['JSON that is none', () => '{', 'text is not JSON'],
    ['a prediction without banks', () => broken({ banks: [] }), 'banks: there is none'],
    ['an unknown bank', () => broken({ banks: ['md5'] }), 'banks: "md5" is no PCR bank'],
    ['an event that is none', () => broken({ events: [1] }), 'events 0: not an object'],
    [
      'a PCR that there is not',
      () => broken({ events: [{ ...event(), pcr: 24 }] }),
      'events 0: pcr is not a number from 0 to 23',
    ],
    [
      'nobody',
      () => broken({ events: [{ ...event(), by: 'grub' }] }),
      'events 0: by is not one of systemd-boot',
    ],
    [
      'no description',
      () => broken({ events: [{ ...event(), description: 1 }] }),
      'events 0: description is not text',
    ],
    ['no reason', () => broken({ events: [{ ...event(), reason: 1 }] }), 'reason is not text'],
    ['files', () => broken({ events: [{ ...event(), files: [1] }] }), 'files are not text'],
    [
      'a digest cut short',
      () => broken({ events: [{ ...event(), digests: { sha256: 'ab' } }] }),
      'events 0: digest of sha256 is not 32 bytes in hexadecimal',
    ],
    ['a state', () => broken({ states: [{ phase: 1, events: [] }] }), 'phase is not text'],
    [
      'no list',
      () => broken({ states: [{ phase: '', events: 1 }] }),
      'not a list of at most 65536',
    ],
  ])('%s', (_, make, message) => {
    expect(() => saved(make())).toThrow(message)
  })
})

describe('PCRs in folders of the kernel', () => {
  const value = 'AB'.repeat(32)
  const tpm = at('tpm0')
  beforeAll(() => {
    for (const bank of ['sha1', 'sha256', 'sm3_256']) {
      mkdirSync(join(tpm, `pcr-${bank}`), { recursive: true })
      const size = bank === 'sha1' ? 40 : 64
      for (const pcr of [0, 23]) {
        writeFileSync(join(tpm, `pcr-${bank}`, `${pcr}`), `${value.slice(0, size)}\n`)
      }
    }
    mkdirSync(at('pcr-sha384'))
    writeFileSync(at('pcr-sha384/11'), 'zz\n')
  })

  test('are read bank by bank', async () => {
    const all = await readPcrDump(tpm)
    expect([...all.keys()]).toEqual(['sha1', 'sha256'])
    expect([...all.get('sha256')!.keys()].sort()).toEqual([0, 23])
    expect([...(await readPcrDump(join(tpm, 'pcr-sha256/'))).keys()]).toEqual(['sha256'])
  })

  test('are refused where there are none, or no values in them', async () => {
    await expect(readPcrDump(at('esp'))).rejects.toThrow('has no PCRs')
    await expect(readPcrDump(at('pcr-sha384'))).rejects.toThrow('is not hexadecimal')
    await expect(readPcrDump(at('missing'))).rejects.toThrow('no such file')
    await expect(readEventLog(at('esp/x.efi'))).rejects.toThrow('neither a log of firmware')
  })
})
