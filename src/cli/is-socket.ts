/**
 * Whether a standard stream is one that Node reads and writes by itself: it makes a socket of a pipe, a
 * terminal and a socket of bytes. Told by what it can do, because importing the class would bring the
 * module that connects.
 */
export function isSocket(stream: object): boolean {
  return 'setNoDelay' in stream
}
