/**
 * The commands, in the order in which the help lists them. A new one is a file beside this, and a line here.
 */
import { ask } from "./Ask.ts"
import { describe } from "./Describe.ts"
import { evaluate } from "./Evaluate.ts"
import { preferences } from "./Preferences.ts"
import { record } from "./Record.ts"
import { replay } from "./Replay.ts"
import { report } from "./Report.ts"
import { tune } from "./Tune.ts"

export const commands = [ask, record, replay, evaluate, tune, report, preferences, describe] as const
