import { describe, expect, test } from 'vitest'
import { parseTpmDevice } from '../../../src/keys/tpm/device.ts'

test.each([
  ['auto', { kind: 'file', path: '/dev/tpmrm0' }],
  ['/dev/tpm1', { kind: 'file', path: '/dev/tpm1' }],
  ['device:/dev/tpmrm1', { kind: 'file', path: '/dev/tpmrm1' }],
  ['device:/dev/with:colon', { kind: 'file', path: '/dev/with:colon' }],
  ['device', { kind: 'file', path: '/dev/tpmrm0' }],
  ['device:', { kind: 'file', path: '/dev/tpmrm0' }],
  ['swtpm', { kind: 'tcp', host: 'localhost', port: 2321 }],
  ['swtpm:', { kind: 'tcp', host: 'localhost', port: 2321 }],
  ['swtpm:port=65535', { kind: 'tcp', host: 'localhost', port: 65535 }],
  ['swtpm:host=::1,port=1', { kind: 'tcp', host: '::1', port: 1 }],
  ['swtpm:port=1,host=a.example', { kind: 'tcp', host: 'a.example', port: 1 }],
  ['swtpm:path=/run/a=b', { kind: 'unix', path: '/run/a=b' }],
])('%s is a device', (text, device) => {
  expect(parseTpmDevice(text)).toEqual(device)
})

describe('refuses', () => {
  test.each([
    ['', 'neither a path nor'],
    ['tpmrm0', 'neither a path nor'],
    ['mssim:host=x', 'neither a path nor'],
    ['swtpm:2321', '"2321" is not host=, port= or path='],
    ['swtpm:host', '"host" is not'],
    ['swtpm:port=1,', '"" is not'],
    ['swtpm:port=0', 'port "0" is not a number'],
    ['swtpm:port=65536', 'port "65536" is not'],
    ['swtpm:port=1e3', 'port "1e3" is not'],
    ['swtpm:port=', 'port "" is not'],
    ['swtpm:host=,port=1', 'host= is empty'],
    ['swtpm:host=a,host=b', 'host= is there twice'],
    ['swtpm:path=', 'path= is empty'],
    ['swtpm:path=/a,port=1', 'path= stands alone'],
  ])('%j', (text, message) => {
    expect(() => parseTpmDevice(text)).toThrow(message)
    expect(() => parseTpmDevice(text)).toThrow(expect.objectContaining({ code: 'BAD_DEVICE' }))
  })
})
