/** As many whole characters at the beginning of a file's name as have `size` bytes at most. */
export function startOfName(name: string, size: number): string {
  let left = size
  let end = 0
  for (const character of name) {
    left -= Buffer.byteLength(character)
    if (left < 0) break
    end += character.length
  }
  return name.slice(0, end)
}
