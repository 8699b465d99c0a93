/** Columns under a heading, the first to the left, numbers to the right. */
export const aligned = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const shown = lines.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")
  )
  return [shown[0], "─".repeat(shown[0]?.length ?? 0), ...shown.slice(1)].join("\n")
}
