/**
 * How much memory a process keeps of what it does again and again.
 */

/** V8 collects, and `malloc` gives back, when they like: what is leaked grows in every round, what they hold in some. */
const ROUNDS = 3

/** MiB that the least of the rounds left behind, after a first one that nobody counts. */
export const leastGrowth = async (round: () => Promise<void>): Promise<number> => {
  await round()
  let least = Infinity
  for (let i = 0; i < ROUNDS; i++) {
    const before = process.memoryUsage()
    await round()
    const after = process.memoryUsage()
    // Arrays that V8 has yet to collect are not leaked.
    least = Math.min(least, after.rss - after.arrayBuffers - (before.rss - before.arrayBuffers))
  }
  return least / 2 ** 20
}
