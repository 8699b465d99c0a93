import type { ColumnSource, SchemaElement } from "hyparquet-writer"

type Type = "INT32" | "INT64" | "DOUBLE" | "BOOLEAN" | "STRING"

/** A name and a type; `[]` is a list of it. */
export type Column = readonly [name: string, type: Type | `${Type}[]`]

type One<T> = T extends "STRING" ? string : T extends "BOOLEAN" ? boolean : number
type Value<T> = T extends `${infer Of}[]` ? ReadonlyArray<One<Of> | undefined> : One<T> | undefined

export type Row<Columns extends ReadonlyArray<Column>> = {
  readonly [C in Columns[number] as C[0]]: Value<C[1]>
}

const elementOf = (type: string): Partial<SchemaElement> =>
  type === "STRING" ? { type: "BYTE_ARRAY", converted_type: "UTF8" } : { type: type as Exclude<Type, "STRING"> }

/** Lists in the three levels that the format prescribes. */
const elementsOf = ([name, type]: Column): ReadonlyArray<SchemaElement> => {
  if (!type.endsWith("[]")) return [{ name, repetition_type: "OPTIONAL", ...elementOf(type) }]
  return [
    { name, repetition_type: "OPTIONAL", converted_type: "LIST", num_children: 1 },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "OPTIONAL", ...elementOf(type.slice(0, -2)) }
  ]
}

export const schemaOf = (columns: ReadonlyArray<Column>): Array<SchemaElement> => [
  { name: "root", num_children: columns.length },
  ...columns.flatMap(elementsOf)
]

/** 64-bit integers go into the library as BigInt, and what is absent as null. */
const told = (value: unknown, type: string): unknown => {
  if (value === undefined) return null
  return type.startsWith("INT64") ? BigInt(value as number) : value
}

export const columnDataOf = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<Readonly<Record<string, unknown>>>
): Array<ColumnSource> =>
  columns.map(([name, type]) => ({
    name,
    data: rows.map((row) => {
      const value = row[name]
      return Array.isArray(value) ? value.map((one) => told(one, type)) : told(value, type)
    })
  }))
