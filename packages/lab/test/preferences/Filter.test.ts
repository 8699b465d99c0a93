import { assert, describe, it } from "@effect/vitest"
import type { Conversation } from "@mulligan/lab/preferences/Conversation"
import * as Filter from "@mulligan/lab/preferences/Filter"
import * as PersonalData from "@mulligan/lab/preferences/PersonalData"

const conversation = (content: string, rest: Partial<Conversation> = {}): Conversation => ({
  prompt: [{ role: "user", content }],
  language: "English",
  redacted: false,
  flagged: false,
  ...rest
})

describe("Filter", () => {
  it.each([
    ["takes an ordinary prompt", conversation("Why?"), {}, undefined],
    ["no prompt", conversation("", { prompt: [] }), {}, "no prompt"],
    ["an empty prompt", conversation(" \n"), {}, "no prompt"],
    ["redacted", conversation("Why, NAME_1?", { redacted: true }), {}, "redacted by its source"],
    ["redacted, wanted", conversation("Why, NAME_1?", { redacted: true }), { redacted: true }, undefined],
    ["flagged", conversation("Why?", { flagged: true }), {}, "flagged by a moderation"],
    ["flagged, wanted", conversation("Why?", { flagged: true }), { flagged: true }, undefined],
    ["another language", conversation("Warum?", { language: "German" }), { languages: ["English"] }, "language"],
    ["a language in another case", conversation("Why?"), { languages: ["german", "english"] }, undefined],
    ["no known language", conversation("Why?", { language: undefined }), { languages: ["English"] }, "language"],
    ["no known language, none asked", conversation("Why?", { language: undefined }), {}, undefined],
    ["personal data", conversation("Write to a.b@example.org"), {}, "personal data: e-mail"],
    ["personal data, wanted", conversation("Write to a.b@example.org"), { personalData: [] }, undefined]
  ] as const)("%s", (_, row, options, expected) => assert.strictEqual(Filter.reason(row, options), expected))

  it("looks at every message", () => {
    const prompt = [
      { role: "system", content: "Call +44 20 7946 0958." },
      { role: "user", content: "Whom?" }
    ] as const
    assert.strictEqual(Filter.reason(conversation("", { prompt })), "personal data: phone")
  })
})

describe("PersonalData", () => {
  it.each([
    ["mail me: jane.doe+x@mail.example.co.uk.", "e-mail"],
    ["müller@bücher.example", "e-mail"],
    ["the @ sign, a@b, @handle and x@y.1", undefined],
    ["import x from 'pkg@1.2.3'", undefined],
    ["+49 30 901820", "phone"],
    ["+1 (415) 555-2671", "phone"],
    ["+81-3-1234-5678", "phone"],
    ["1+2 = 3, and 12 + 345 + 678 + 90123", undefined],
    ["+1234567", undefined],
    ["(415) 555-2671", "phone"],
    ["call 415-555-2671 now", "phone"],
    ["1 415.555.2671", "phone"],
    ["on 2023-10-05, or 10-05-2023", undefined],
    ["ISBN 978-3-16-148410-0", undefined],
    ["3.14159 26535 89793", undefined],
    ["8.8.4.4 is a server", "IP address"],
    ["999.8.4.4", undefined],
    ["127.0.0.1, 10.0.0.7, 192.168.1.1, 172.20.0.1, 203.0.113.7, 255.255.255.0", undefined],
    ["version 1.2.3", undefined],
    ["2a00:1450:4001:81b:0:0:0:200e", "IP address"],
    ["2a00:1450:4001:81b::200e", "IP address"],
    ["fe80:1:2:3::4 and 2001:db8:1:2::3", undefined],
    ["at 12:30:45:10, std::vector<a::b>", undefined],
    ["4111 1111 1111 1111", "card number"],
    ["5500-0000-0000-0004", "card number"],
    ["378282246310005", "card number"],
    ["4111 1111 1111 1112", undefined],
    ["the number 31415926535897932384", undefined],
    ["GB82 WEST 1234 5698 7654 32", "IBAN"],
    ["DE89370400440532013000", "IBAN"],
    ["DE88370400440532013000", undefined],
    ["078-05-1120", "US social security number"],
    ["000-12-3456, 666-12-3456, 912-12-3456, 123-00-4567", undefined],
    ["sk-abcdefghijklmnopqrstuvwx", "access key"],
    ["hf_abcdefghijklmnopqrstuvwx", "access key"],
    ["AKIAIOSFODNN7EXAMPLE", "access key"],
    ["-----BEGIN RSA PRIVATE KEY-----", "access key"],
    ["task-force and sk-learn", undefined],
    ["", undefined]
  ])("of %j: %s", (text, expected) => assert.strictEqual(PersonalData.find(text), expected))

  it("gives the same answer every time", () => {
    for (let i = 0; i < 3; i++) assert.strictEqual(PersonalData.find("a.b@example.org"), "e-mail")
  })

  // Time that grew with the square of the length would run into the test's limit.
  it.each([
    "a.",
    "a@",
    "a@a.",
    "+1 ",
    "+1234567890 ",
    "415-555-",
    "1:",
    "1.",
    "AB12 ABCD",
    "4 ",
    "4",
    "sk-",
    "-----BEGIN "
  ])("is through with a million characters of %j", (part) =>
    assert.doesNotThrow(() => PersonalData.find(part.repeat(1_000_000 / part.length)))
  )
})
