/**
 * The file's outer form: gzip members one after the other, each with its own length in the header (RFC 1952's extra field,
 * subfield "MG"), so that a member whose writing was broken off is told from one that has changed.
 */
import type { FileHandle } from "node:fs/promises"
import { crc32, deflateRawSync, gunzipSync } from "node:zlib"

const HEADER = 20
const TRAILER = 8
/** Magic, deflate, "an extra field follows", no time, any system, 8 bytes of it: subfield "MG" of 4 bytes. */
const START = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, 0x4d, 0x47, 4, 0])

export const pack = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  const body = deflateRawSync(bytes)
  const member = Buffer.alloc(HEADER + body.length + TRAILER)
  START.copy(member)
  member.writeUInt32LE(member.length, START.length)
  body.copy(member, HEADER)
  member.writeUInt32LE(crc32(bytes), HEADER + body.length)
  member.writeUInt32LE(bytes.length % 2 ** 32, HEADER + body.length + 4)
  return member
}

export interface Member {
  readonly text: string
  /** Where the next begins. */
  readonly end: number
}

const readAt = async (handle: FileHandle, position: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

/** Throws if it is no gzip, or not what was packed. */
const unpack = (member: Buffer): string => gunzipSync(member).toString()

/**
 * The whole members; a last one whose writing was broken off is left out. What another program compressed has no lengths
 * and is taken as one member.
 */
export async function* read(handle: FileHandle): AsyncGenerator<Member> {
  const { size } = await handle.stat()
  let at = 0
  while (at < size) {
    const header = await readAt(handle, at, HEADER)
    const isBegun = header.length < HEADER && START.subarray(0, header.length).equals(header.subarray(0, START.length))
    if (isBegun) return
    const isOurs = START.equals(header.subarray(0, START.length))
    const length = isOurs ? header.readUInt32LE(START.length) : size - at
    if (at + length > size) {
      // A length that has changed looks like a member that was broken off, but for what stands behind it.
      if ((await readAt(handle, at, size - at)).includes(START, 1)) throw new Error("a member has another length")
      return
    }
    at += length
    yield { text: unpack(await readAt(handle, at - length, length)), end: at }
  }
}
