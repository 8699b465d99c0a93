/**
 * The filter that leaves personal data out. It knows forms, not names: a name, an address or a life story passes.
 */
import { isIPv4, isIPv6 } from "node:net"

export interface Kind {
  readonly name: string
  /** Global; what it finds is personal if `check`, where there is one, says so. */
  readonly pattern: RegExp
  readonly check?: ((found: string) => boolean) | undefined
}

const digitsOf = (text: string) => text.replaceAll(/\D/g, "")

/** ISO/IEC 7812-1, annex B. */
const luhn = (text: string): boolean => {
  const digits = [...digitsOf(text)].toReversed().map(Number)
  const sum = digits.reduce((sum, digit, i) => sum + (i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)), 0)
  return sum % 10 === 0
}

/** ISO 13616: letters are 10 to 35, the first four characters go last, modulo 97 is 1. */
const mod97 = (text: string): boolean => {
  const iban = text.replaceAll(/\s/g, "")
  const digits = [...(iban.slice(4) + iban.slice(0, 4))].map((letter) => parseInt(letter, 36)).join("")
  return BigInt(digits) % 97n === 1n
}

/** Loopback, private, link-local, reserved and documentation ranges (RFC 6890) are nobody's. */
const nobodys =
  /^(0|10|127|22[4-9]|2[3-5]\d|169\.254|192\.168|192\.0\.[02]|198\.1[89]|198\.51\.100|203\.0\.113|172\.(1[6-9]|2\d|3[01]))\./

const isLong = (least: number, most: number) => (text: string) => {
  const { length } = digitsOf(text)
  return length >= least && length <= most
}

/** The default filter. What it matches is stated in full in the data card. */
export const kinds: ReadonlyArray<Kind> = [
  // RFC 5321's lengths; looking behind keeps the time of long runs of letters linear.
  {
    name: "e-mail",
    pattern: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,63}/gu
  },
  // E.164: a plus and 8 to 15 digits, however they are grouped.
  { name: "phone", pattern: /(?<![\d+])\+\d(?:[ ().\-/]{0,2}\d){7,14}(?!\d)/g, check: isLong(8, 15) },
  // Grouped as in North America, with or without brackets and a 1 before it.
  { name: "phone", pattern: /(?<![\d.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[.-]\d{4}(?![\d.-])/g },
  {
    name: "IP address",
    pattern: /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])/g,
    check: (ip) => isIPv4(ip) && !nobodys.test(ip)
  },
  {
    name: "IP address",
    pattern: /(?<![\w:])(?:[\da-f]{1,4}:{1,2}){3,7}[\da-f]{1,4}(?![\w:])/gi,
    check: (ip) => isIPv6(ip) && !/^(fe80|f[cd]|ff|2001:0?db8:)/i.test(ip)
  },
  {
    name: "card number",
    pattern: /(?<![\d.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d-]|\.\d)/g,
    check: (card) => isLong(13, 19)(card) && luhn(card)
  },
  { name: "IBAN", pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b/g, check: mod97 },
  { name: "US social security number", pattern: /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g },
  {
    name: "access key",
    pattern:
      /\b(?:sk-[\w-]{20,}|(?:ghp|gho|ghs|hf)_[A-Za-z\d]{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|A(?:KIA|SIA)[A-Z\d]{16})\b|-----BEGIN [A-Z ]*PRIVATE KEY-----/g
  }
]

/** The name of the first kind that is found, if any. */
export const find = (text: string, all: ReadonlyArray<Kind> = kinds): string | undefined =>
  all.find(({ check = () => true, pattern }) => [...text.matchAll(pattern)].some(([found]) => check(found)))?.name
