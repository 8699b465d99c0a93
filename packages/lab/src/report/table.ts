/**
 * Numbers under headings, which scroll where they do not fit.
 */
import { type Markup, markup } from "./markup.ts"

export interface Column<A> {
  readonly title: string
  readonly of: (row: A) => string
}

/** The first column names the row. */
export const table = <A>(caption: string, columns: ReadonlyArray<Column<A>>, rows: ReadonlyArray<A>): Markup => {
  const heads = columns.map(({ title }) => markup`<th scope="col">${title}</th>`)
  const lines = rows.map((row) => {
    const [name, ...cells] = columns.map(({ of }) => of(row))
    return markup`<tr><th scope="row">${name}</th>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>\n`
  })
  return markup`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${lines}</tbody></table></div>`
}
