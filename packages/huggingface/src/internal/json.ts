// What servers say is looked at field by field: a schema for each token would cost more than the token.

/** The value under a path of keys and positions; undefined where there is none. */
export const at = (json: unknown, ...path: ReadonlyArray<string | number>): unknown => {
  let value = json
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string | number, unknown>)[key]
  }
  return value ?? undefined
}

export const number = (json: unknown, ...path: ReadonlyArray<string | number>): number | undefined => {
  const value = at(json, ...path)
  return typeof value === "number" ? value : undefined
}

export const text = (json: unknown, ...path: ReadonlyArray<string | number>): string | undefined => {
  const value = at(json, ...path)
  return typeof value === "string" ? value : undefined
}

/** A version, as versions look; a server could put anything there. */
export const versionOf = (json: unknown, ...path: ReadonlyArray<string | number>): string | undefined => {
  const value = text(json, ...path)
  return value !== undefined && /^[\w.+-]{1,64}$/.test(value) ? value : undefined
}

export const list = (json: unknown, ...path: ReadonlyArray<string | number>): ReadonlyArray<unknown> => {
  const value = at(json, ...path)
  return Array.isArray(value) ? value : []
}

/** Leaves out what is undefined: several clients and servers take an explicit `undefined` or `null` for a value. */
export const defined = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
