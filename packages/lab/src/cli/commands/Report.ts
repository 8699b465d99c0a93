import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { json, shown } from "../common.ts"
import { withGraded } from "../graded.ts"
import * as Target from "../Target.ts"
import * as TaskFlags from "../TaskFlags.ts"
import { rightFrom, thresholds } from "./Evaluate.ts"

export const report = Command.make(
  "report",
  {
    file: Argument.File("file").pipe(Argument.withDescription("what mulligan record wrote")),
    ...TaskFlags.flags,
    out: Flag.File("out").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("the HTML file; default report.html"),
      Flag.withDefault("report.html")
    ),
    charts: Flag.Directory("charts").pipe(
      Flag.withMetavar("FOLDER"),
      Flag.withDescription("where the charts go as SVG; default: nowhere"),
      Flag.withDefault(undefined)
    ),
    scheme: Flag.Literals("scheme", ["light", "dark"]).pipe(
      Flag.withDescription("of the charts as SVG; the page follows its reader"),
      Flag.withDefault("light" as const)
    ),
    thresholds,
    rightFrom,
    ...Target.flags,
    json
  },
  ({ charts, json, out, rightFrom, scheme, thresholds, ...given }) =>
    Effect.gen(function* () {
      const Evaluate = yield* Effect.promise(() => import("../evaluate.ts"))
      const Report = yield* Effect.promise(() => import("../report.ts"))
      const options = {
        out: shown(out),
        charts: charts === undefined ? undefined : shown(charts),
        scheme,
        thresholds: thresholds ?? Evaluate.thresholds,
        rightFrom,
        isJson: json
      }
      return yield* withGraded({ ...given, file: shown(given.file) }, (graded) => Report.report(graded, options))
    })
).pipe(
  Command.withShortDescription("Make a page of an evaluation, to look at"),
  Command.withDescription(
    "One HTML file that needs no network: accuracy against tokens, the signal by depth, what was pruned and what it would have become, and single problems token by token."
  ),
  Command.withExamples([
    {
      command: "mulligan report games.jsonl.gz --task countdown --prompts models/pocket/problems.json -o games.html",
      description: "To open in a browser"
    },
    { command: "mulligan report gsm8k.jsonl.gz --task gsm8k --charts figures", description: "With the charts as SVG" }
  ])
)
