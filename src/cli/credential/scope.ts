/** `--uid`, `--user`, `--user-name` and `--machine-id`: whose credential it is. */

import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { toHex } from '../../bytes/hex.ts'
import { parseMachineId } from '../../formats/credential/host-secret.ts'
import type { Scope } from '../../formats/credential/keys.ts'
import { flag, option, type ValuesOf } from '../arguments.ts'
import { UsageError } from '../errors.ts'
import { text, type ValueType } from '../types.ts'

const GROUP = 'User and machine'
const MACHINE_ID_FILE = '/etc/machine-id'
const USERS_FILE = '/etc/passwd'
/** (uid_t) -1 is nobody, and so was its 16 bit ancestor. */
const NO_UIDS = [0xffff_ffff, 0xffff]

export const machineIdType: ValueType<Uint8Array> = {
  placeholder: 'ID',
  parse(value) {
    const id = parseMachineId(value)
    if (id !== undefined) return id
    throw new UsageError(`'${value}' is not a machine ID`, {
      hint: 'it is the 32 hexadecimal digits in /etc/machine-id of the target',
    })
  },
}

export const scopeOptions = {
  uid: option({
    long: 'uid',
    group: GROUP,
    type: text('USER'),
    description: 'for one user of the machine: a name, a number, or self',
  }),
  user: flag({ long: 'user', group: GROUP, description: 'the same as --uid=self' }),
  userName: option({
    long: 'user-name',
    group: GROUP,
    type: text('NAME'),
    description: 'the name that the target has for a numeric --uid; by default looked up here',
  }),
  machineId: option({
    long: 'machine-id',
    group: GROUP,
    type: machineIdType,
    description: 'the machine that opens it; by default this one',
  }),
}

type ScopeValues = ValuesOf<typeof scopeOptions>

/**
 * The user that the options name, or undefined where they name none.
 *
 * @throws UsageError where something is missing that cannot be looked up here.
 */
export async function resolveScope(values: ScopeValues): Promise<Scope | undefined> {
  const { userName } = values
  const uid = values.uid ?? (values.user ? 'self' : undefined)
  if (values.uid !== undefined && values.user) {
    throw new UsageError('--uid and --user exclude each other')
  }
  if (uid === undefined) {
    if (userName === undefined) return undefined
    throw new UsageError('--user-name says something only beside --uid')
  }
  const machineId = values.machineId ?? (await readMachineId())
  if (machineId === undefined) {
    throw new UsageError('--machine-id is missing: this machine has no ID of its own')
  }
  const user = await resolveUser(uid, values)
  return { ...user, machineId }
}

/** The ID of this machine, where it has one. */
export async function readMachineId(): Promise<Uint8Array | undefined> {
  const content = await readFile(MACHINE_ID_FILE, 'utf8').catch(() => '')
  return parseMachineId(content)
}

type User = Pick<Scope, 'uid' | 'userName'>

async function resolveUser(uid: string, { userName, machineId }: ScopeValues): Promise<User> {
  const isNumber = /^(?:0|[1-9]\d{0,9})$/.test(uid)
  if (isNumber && userName !== undefined) return { uid: checkUid(uid), userName }
  if (userName !== undefined) throw new UsageError('--user-name needs a number in --uid')
  const local = await readMachineId()
  if (machineId !== undefined && toHex(machineId) !== (local && toHex(local))) {
    throw new UsageError('users of another machine cannot be looked up here', {
      hint: 'give --uid as a number, and --user-name',
    })
  }
  if (uid === 'self') {
    const { uid: own, username } = userInfo()
    return { uid: own, userName: username }
  }
  return (await findUser(uid, isNumber)) ?? unknownUser(uid, isNumber)
}

function checkUid(text: string): number {
  const uid = Number(text)
  if (uid < 2 ** 32 && !NO_UIDS.includes(uid)) return uid
  throw new UsageError(`--uid: ${text} is not the number of a user`)
}

/** The user as /etc/passwd has it: by number or by name. */
async function findUser(wanted: string, isNumber: boolean): Promise<User | undefined> {
  const lines = (await readFile(USERS_FILE, 'utf8').catch(() => '')).split('\n')
  const fields = lines
    .map((line) => line.split(':'))
    .find((fields) => fields[isNumber ? 2 : 0] === wanted)
  const [userName, , uid] = fields ?? []
  if (!userName || uid === undefined) return undefined
  return { uid: checkUid(uid), userName }
}

function unknownUser(uid: string, isNumber: boolean): never {
  throw new UsageError(`--uid: there is no user ${uid} in ${USERS_FILE}`, {
    hint: isNumber
      ? 'say with --user-name how the target calls it'
      : 'give the number, and the name with --user-name',
  })
}
