/**
 * A chart: what it shows, in words and as a picture by Vega-Lite, whose libraries are loaded only where one is drawn.
 */
import * as Effect from "effect/Effect"
import type { LoggerInterface } from "vega"
import type { Config, TopLevelSpec } from "vega-lite"
import type { PositionDef } from "vega-lite/types_unstable/channeldef.js"
import type { MarkDef } from "vega-lite/types_unstable/mark.js"
import type { UnitSpec } from "vega-lite/types_unstable/spec/index.js"

/** Pixels; two, so that letters stay readable where a phone would shrink the wide one. */
export type Width = 860 | 340

export interface Chart {
  readonly title: string
  /** How to read it. */
  readonly caption: string
  /** What it shows, for whoever does not see it. */
  readonly description: string
  readonly spec: (width: Width) => TopLevelSpec
}

/** A colour for each scheme: SVG says `var(--name)`, papers get the light one. */
export const colours = {
  ink: { light: "#1f2328", dark: "#e8e6e3" },
  quiet: { light: "#59636e", dark: "#a7adb5" },
  line: { light: "#d5d9de", dark: "#41464d" },
  paper: { light: "#ffffff", dark: "#16181c" },
  blue: { light: "#1f66b0", dark: "#6cb0f5" },
  orange: { light: "#b3570a", dark: "#f0a04b" },
  green: { light: "#1d7a46", dark: "#63c98a" },
  pale: { light: "#b5cfe8", dark: "#2f4f70" },
  faint: { light: "#e3e6ea", dark: "#363b42" }
} as const

export type Scheme = "light" | "dark"
export type Colour = keyof typeof colours

export const colour = (name: Colour): string => `var(--${name})`

export interface Words {
  readonly data: ReadonlyArray<object>
  readonly color: Colour
  /** How they stand to their place. */
  readonly mark?: Omit<MarkDef<"text">, "type"> | undefined
  readonly encoding: NonNullable<UnitSpec<string>["encoding"]>
}

/** Words on a chart, with a ground of the paper's colour where lines pass below them. */
export const words = (text: Words): ReadonlyArray<UnitSpec<string>> =>
  [colour("paper"), colour(text.color)].map((color, i) => ({
    mark: {
      type: "text",
      fontSize: 12,
      ...text.mark,
      color,
      ...(i === 0 ? { stroke: color, strokeWidth: 4, strokeJoin: "round" } : {})
    },
    encoding: text.encoding,
    data: { values: text.data.map((datum) => ({ ...datum })) }
  }))

/** Dotted across the plot, with its name: what other marks are compared with. `y` names the field. */
export const level = (data: ReadonlyArray<object>, y: PositionDef<string>): ReadonlyArray<UnitSpec<string>> => [
  {
    data: { values: data.map((datum) => ({ ...datum })) },
    mark: { type: "rule", color: colour("quiet"), strokeDash: [2, 4] },
    encoding: { y }
  },
  ...words({
    data,
    color: "quiet",
    mark: { align: "left", baseline: "bottom", dx: 4, dy: -2 },
    encoding: { y, x: { value: 0 }, text: { field: "name" } }
  })
]

const config: Config = {
  background: "transparent",
  font: "system-ui, sans-serif",
  view: { stroke: colour("line") },
  axis: {
    labelColor: colour("quiet"),
    titleColor: colour("ink"),
    gridColor: colour("faint"),
    domainColor: colour("line"),
    tickColor: colour("line"),
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
    titlePadding: 8
  },
  header: { labelColor: colour("ink"), titleColor: colour("ink"), labelFontSize: 12, labelFontWeight: "bold" },
  legend: {
    orient: "bottom",
    direction: "vertical",
    labelColor: colour("ink"),
    titleColor: colour("ink"),
    labelFontSize: 12,
    labelLimit: 0,
    title: null,
    symbolOpacity: 1
  }
}

const libraries = Effect.promise(() => Promise.all([import("vega"), import("vega-lite")]))

/** What Vega would only print leaves no chart behind without a word. */
const logger: LoggerInterface = {
  level: () => logger,
  error: (...words) => {
    throw new Error(words.join(" "))
  },
  warn: () => logger,
  info: () => logger,
  debug: () => logger
}

/** As SVG with CSS variables for colours, to stand in a page that sets them. */
export const svg = (self: Chart, width: Width): Effect.Effect<string> =>
  Effect.flatMap(libraries, ([{ parse, View }, { compile }]) => {
    const { spec } = compile({ ...self.spec(width), config }, { logger })
    return Effect.promise(() => new View(parse(spec), { renderer: "none", logger }).toSVG())
  })

/** Room for a title above; charts that leave none themselves have it measured. */
const titled = ({ padding, ...spec }: TopLevelSpec, text: string): TopLevelSpec => ({
  ...spec,
  background: colour("paper"),
  padding: typeof padding === "object" && "top" in padding ? { ...padding, top: (padding.top ?? 0) + 28 } : 12,
  title: { text, anchor: "start", color: colour("ink"), offset: 12 }
})

/** A file of its own: with a ground, its title, and the colours of a scheme. */
export const standalone = (self: Chart, scheme: Scheme): Effect.Effect<string> =>
  Effect.map(svg({ ...self, spec: (width) => titled(self.spec(width), self.title) }, 860), (drawn) =>
    drawn.replaceAll(/var\(--(\w+)\)/g, (found, name: string) =>
      name in colours ? colours[name as Colour][scheme] : found
    )
  )
