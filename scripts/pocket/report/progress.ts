/** A line on stderr that is drawn over; where nobody watches, a line now and then. */
export const progress = (what: string) => {
  const start = performance.now()
  let last = start
  return (done: number, all: number): void => {
    const now = performance.now()
    const isEnd = done === all
    const { isTTY } = process.stderr
    if (!isEnd && now - last < (isTTY ? 200 : 30_000)) return
    last = now
    const seconds = (now - start) / 1000
    const left = Math.round((seconds / done) * (all - done))
    const line = `${what}: ${done} of ${all} problems, ${Math.round(seconds)} s, about ${left} s left`
    process.stderr.write(isTTY ? `\r\u001b[K${line}${isEnd ? "\n" : ""}` : `${line}\n`)
  }
}
