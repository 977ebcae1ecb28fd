# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the page of a report looks: light and dark, on a phone, on a desk and on paper; nothing is fetched for it."""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ground: #f5f6f8; --ink: #1a2130; --soft: #566074; --line: #dde1e8; --code: #eef0f4;
  --accent: #2a56b8;
  --good: #17713f; --good-ground: #e9f6ee; --bad: #b3261e; --bad-ground: #fdeeec;
  --warn: #8a5300; --warn-ground: #fff5e0; --note: #3d5a80; --note-ground: #edf2f9;
  --prepare: #8e99ab; --etcd: #8a5aa8; --control_plane: #4054b2; --control_plane_kubelet: #2f86c9;
  --workers: #1a8f7d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171b23; --ground: #0f1218; --ink: #e6e9ef; --soft: #a1abbd; --line: #2d3442; --code: #242a36;
    --accent: #8fb2ff;
    --good: #6fd49a; --good-ground: #14291d; --bad: #ff8f85; --bad-ground: #321a19;
    --warn: #f2bd62; --warn-ground: #2e2412; --note: #a3c1ea; --note-ground: #1a2433;
    --prepare: #6f7a8d; --etcd: #c79be0; --control_plane: #8494f0; --control_plane_kubelet: #4fa6e8;
    --workers: #37b8a3;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
}
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; letter-spacing: -0.01em; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .8rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .5rem; }
h2 + p, h3 + p { margin-top: 0; }
p { margin: .5rem 0; max-width: 44rem; }
a { color: var(--accent); overflow-wrap: anywhere; }
code, .id {
  font: .875em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  overflow-wrap: anywhere;
}
code { background: var(--code); border-radius: 4px; padding: .1em .35em; }
code.short { white-space: nowrap; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
li { margin: .15rem 0; overflow-wrap: anywhere; }
section {
  background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 1.2rem 1.25rem;
  margin-top: 1rem;
}
.eyebrow { color: var(--soft); font-size: .875rem; margin: 0 0 .15rem; }
.route { font-size: 1.1rem; margin: .25rem 0 0; font-variant-numeric: tabular-nums; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.verdict {
  border-left: 5px solid var(--note); background: var(--note-ground); padding: .8rem 1rem; border-radius: 8px;
  margin-top: 1rem;
}
.verdict p { margin: .25rem 0 0; max-width: none; overflow-wrap: anywhere; white-space: pre-line; }
.verdict strong { font-size: 1.05rem; }
.good { --tone: var(--good); --tone-ground: var(--good-ground); }
.bad { --tone: var(--bad); --tone-ground: var(--bad-ground); }
.warn { --tone: var(--warn); --tone-ground: var(--warn-ground); }
.note { --tone: var(--note); --tone-ground: var(--note-ground); }
.verdict.good, .verdict.bad, .verdict.warn, .verdict.note {
  border-color: var(--tone); background: var(--tone-ground);
}
.verdict strong { color: var(--tone); }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0 0; }
.figures div {
  flex: 1 1 6.5rem; max-width: 16rem; padding: .6rem .8rem;
  background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
}
.figures dt { color: var(--soft); font-size: .8125rem; }
.figures dd {
  margin: 0; font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.35;
  white-space: nowrap;
}
.badge {
  display: inline-block; font-size: .75rem; font-weight: 600; line-height: 1.5;
  padding: .05rem .5rem; border-radius: 999px;
  color: var(--tone); background: var(--tone-ground); border: 1px solid var(--tone); white-space: nowrap;
}
.finding { border: 1px solid var(--line); border-left: 4px solid var(--tone); border-radius: 8px; margin: .6rem 0; }
.finding > summary {
  padding: .6rem .8rem; font-weight: 600; display: flex; flex-wrap: wrap; gap: .25rem .6rem; align-items: baseline;
}
.finding > summary .title { flex: 1 1 12rem; overflow-wrap: anywhere; }
.finding > summary::after { content: "+"; color: var(--soft); font-weight: 400; }
.finding[open] > summary::after { content: "\\2212"; }
.finding > .body { padding: 0 .8rem .7rem; }
.finding dl { margin: 0; display: grid; grid-template-columns: 7.5rem 1fr; gap: .35rem .75rem; }
.finding dt { color: var(--soft); font-size: .875rem; padding-top: .08rem; }
.finding dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.finding dd ul { margin-top: 0; }
.accepted { opacity: .75; }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:focus-visible, a:focus-visible, .scroll:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px;
}
details.more > summary { color: var(--accent); display: inline-block; padding: .15rem 0; }
details.more > summary::before { content: "\\25B8\\00a0"; }
details.more[open] > summary::before { content: "\\25BE\\00a0"; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td {
  text-align: left; vertical-align: top; padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line);
}
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-size: .8125rem; font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
td.number, th.number { text-align: right; }
.names { overflow-wrap: anywhere; min-width: 9rem; }
.nowrap { white-space: nowrap; }
figure { margin: 0; }
.legend {
  display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; font-size: .875rem; color: var(--soft); margin-bottom: .6rem;
}
.legend span { display: inline-flex; align-items: center; gap: .4rem; }
.legend i { width: .95rem; height: .7rem; border-radius: 3px; background: var(--tone); }
.legend i.faint { background: none; border: 1.5px solid var(--soft); opacity: .8; }
.legend i.solid { background: var(--soft); }
.lanes { display: grid; grid-template-columns: fit-content(11rem) 1fr; column-gap: .9rem; align-items: center; }
.lanes .name { font-size: .875rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding: .1rem 0; }
svg { display: block; width: 100%; overflow: visible; }
svg text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; paint-order: stroke; }
svg text { stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg text.hop { fill: var(--ink); font-weight: 600; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .hop-line { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
svg .uncordon, svg .prepare, svg .kubectl, .k-prepare { fill: var(--prepare); --tone: var(--prepare); }
svg .etcd, .k-etcd { fill: var(--etcd); --tone: var(--etcd); }
svg .control_plane, .k-control_plane { fill: var(--control_plane); --tone: var(--control_plane); }
svg .control_plane_kubelet, .k-control_plane_kubelet {
  fill: var(--control_plane_kubelet); --tone: var(--control_plane_kubelet);
}
svg .workers, .k-workers { fill: var(--workers); --tone: var(--workers); }
svg .failed, .k-failed { fill: var(--bad); --tone: var(--bad); }
svg .faint { fill-opacity: .22; stroke: var(--tone); stroke-width: 1; stroke-opacity: .7; }
svg .running { fill-opacity: .6; stroke: var(--ink); stroke-dasharray: 3 2; }
footer { color: var(--soft); font-size: .8125rem; margin-top: 1.25rem; }
@media (max-width: 36rem) {
  main { padding: 1rem .75rem 2rem; }
  section { padding: 1rem .9rem; }
  h1 { font-size: 1.35rem; }
  .lanes { grid-template-columns: 1fr; row-gap: 0; }
  .lanes .name { padding-top: .35rem; }
  .lanes .name:empty { display: none; }
  .finding dl { grid-template-columns: 1fr; gap: .1rem; }
  .finding dd { margin-bottom: .5rem; }
  .figures { gap: .5rem; }
  .figures div { flex-basis: 40%; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tr {
    display: grid; grid-template-columns: 7rem 1fr; gap: 0 .75rem; padding: .55rem 0;
    border-bottom: 1px solid var(--line);
  }
  .cards tbody tr:last-child { border-bottom: 0; }
  .cards th, .cards td { display: contents; }
  .cards th > *, .cards td > * { padding: .08rem 0; min-width: 0; }
  .cards th .label { display: none; }
  .cards th > span { grid-column: 1 / -1; }
  .cards td.empty { display: none; }
  .cards td .label { display: block; white-space: normal; color: var(--soft); font-size: .875rem; font-weight: 400; }
}
@media (min-width: 36.01rem) { .cards .label { display: none; } }
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --ground: #fff; --ink: #000; --soft: #444; --line: #bbb; --code: #f2f2f2; --accent: #000;
    --good: #17713f; --good-ground: #fff; --bad: #b3261e; --bad-ground: #fff;
    --warn: #8a5300; --warn-ground: #fff; --note: #3d5a80; --note-ground: #fff;
    --prepare: #8e99ab; --etcd: #8a5aa8; --control_plane: #4054b2; --control_plane_kubelet: #2f86c9;
    --workers: #1a8f7d;
  }
  @page { margin: 1.5cm; }
  body { font-size: 10pt; }
  main { padding: 0; max-width: none; }
  section { border: 0; border-radius: 0; padding: 0; margin-top: 1.2rem; }
  .figures div { border-radius: 4px; }
  .lanes > *, .finding, tr, .figures, .verdict { break-inside: avoid; }
  h2, h3, summary { break-after: avoid; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  .finding > summary::after, details.more > summary::before { content: ""; }
  .scroll { overflow: visible; }
  svg, .legend i, .badge, .verdict, .finding { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
