/**
 * How a report looks, light and dark, on a phone and on paper.
 */
import { type Colour, colours, type Scheme } from "./Chart.ts"

/** Grounds of tokens by probability (p0 likely to p4) and of scores (s0 low to s4); text on all of them is ink. */
const grounds: Readonly<Record<Scheme, Readonly<Record<string, string>>>> = {
  light: {
    p1: "#fff2d6",
    p2: "#ffdfa6",
    p3: "#fdc27c",
    p4: "#f79e6b",
    s0: "#d9bfe6",
    s1: "#ecdff2",
    s2: "#eef0f2",
    s3: "#d5eed9",
    s4: "#a8dcb3"
  },
  dark: {
    p1: "#37301e",
    p2: "#54411a",
    p3: "#724a12",
    p4: "#8f4315",
    s0: "#5d3a72",
    s1: "#432f50",
    s2: "#30343a",
    s3: "#26482f",
    s4: "#1a6136"
  }
}

const variables = (scheme: Scheme): string => {
  const named = (Object.keys(colours) as ReadonlyArray<Colour>).map((name) => `--${name}:${colours[name][scheme]}`)
  const ground = Object.entries(grounds[scheme]).map(([name, value]) => `--${name}:${value}`)
  return [...named, ...ground].join(";")
}

const rules = `
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}
main,header,footer,nav{max-width:58rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:0}
h4{font-size:.85rem;margin:1rem 0 .25rem;color:var(--quiet);font-weight:600}
a{color:var(--blue)}
:focus-visible{outline:3px solid var(--blue);outline-offset:2px;border-radius:2px}
.advice{font-size:1.15rem;margin:.5rem 0;padding:.75rem 1rem;border-left:4px solid var(--green);background:var(--faint)}
.advice.weak,.advice.chance,.advice.unknown{border-color:var(--orange)}
.quiet,figcaption,.about{color:var(--quiet);font-size:.9rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:1rem 0}
figure{margin:1rem 0}
figure svg{display:block;max-width:100%;height:auto}
figure .narrow{display:none}
figcaption{max-width:45rem;margin-top:.5rem}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
thead th{vertical-align:bottom;font-weight:600;white-space:normal;min-width:4.5rem}
th:first-child{text-align:left;position:sticky;left:0;background:var(--paper);max-width:16rem;white-space:normal}
tbody th{font-weight:400}
summary{cursor:pointer;padding:.35rem 0}
summary h3{display:inline}
summary span{color:var(--quiet);font-size:.9rem}
fieldset{border:1px solid var(--line);border-radius:6px;margin:1rem 0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
.legend{display:flex;flex-wrap:wrap;gap:.25rem .75rem;list-style:none;padding:0;margin:.5rem 0;font-size:.85rem}
.legend span{padding:.05rem .4rem;border-radius:3px}
.problem{border:1px solid var(--line);border-radius:6px;padding:0 .75rem;margin:.75rem 0}
pre{white-space:pre-wrap;margin:.25rem 0;padding:.5rem .75rem;background:var(--faint);border-radius:4px;font:.85rem/1.45 ui-monospace,monospace}
.drafts{list-style:none;padding:0;margin:0}
.draft{border-top:1px solid var(--line);padding:.5rem 0}
.chosen{border-left:4px solid var(--blue);padding-left:.6rem}
.facts{margin:0;display:flex;flex-wrap:wrap;gap:0 .9rem;font-size:.9rem}
.right{color:var(--green)}.wrong,.partly{color:var(--orange)}
.scores{list-style:none;padding:0;margin:.2rem 0;display:flex;flex-wrap:wrap;gap:.2rem .75rem;font-size:.85rem;color:var(--quiet)}
.score{color:var(--ink);border:1px solid var(--line);border-radius:8px;padding:0 .3rem;font-size:.75rem;font-weight:600;white-space:nowrap}
.tokens{margin:.35rem 0;font:.85rem/1.8 ui-monospace,monospace;white-space:pre-wrap;unicode-bidi:isolate}
.tokens .score{margin:0 .15rem;vertical-align:middle}
i{font-style:normal;border-radius:2px;box-shadow:inset -1px 0 var(--line)}
.pu{text-decoration:underline dotted}
.p1{background:var(--p1)}.p2{background:var(--p2)}.p3{background:var(--p3)}.p4{background:var(--p4)}
.score.s0,.legend .s0{background:var(--s0)}.score.s1,.legend .s1{background:var(--s1)}.score.s2,.legend .s2{background:var(--s2)}.score.s3,.legend .s3{background:var(--s3)}.score.s4,.legend .s4{background:var(--s4)}
main:has(#by-score:checked) .tokens i{background:none}
main:has(#by-score:checked) .part.s0{background:var(--s0)}main:has(#by-score:checked) .part.s1{background:var(--s1)}main:has(#by-score:checked) .part.s2{background:var(--s2)}main:has(#by-score:checked) .part.s3{background:var(--s3)}main:has(#by-score:checked) .part.s4{background:var(--s4)}
.values p{margin:.25rem 0;font:.8rem/1.5 ui-monospace,monospace;color:var(--quiet)}
footer{margin-top:3rem;padding-bottom:2rem}
@media(max-width:45rem){figure .wide{display:none}figure .narrow{display:block}th:first-child{max-width:9rem}h1{font-size:1.35rem}}
@media print{.scroll{overflow:visible}body{font-size:.85rem}}
`

export const style = `:root{${variables("light")}}
@media(prefers-color-scheme:dark){:root{${variables("dark")}}}${rules}`
