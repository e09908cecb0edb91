"""How the report page looks: one style sheet, light and dark, from a phone's width up."""

from typing import Final

STYLE: Final = """\
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #fff; --edge: #e3e6eb; --ink: #171a21; --soft: #5c6675;
  --grid: #e8ebf0; --track: #eef0f4; --accent: #2f5bd8; --good: #178a52; --warn: #c97a0a;
  --bad: #cf3434; --idle: #9aa4b5; --wait: #7aa2f7; --badge: #fff4dc; --badge-ink: #7a4d00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #161b23; --edge: #262d38; --ink: #e8ebf1; --soft: #97a1b2;
    --grid: #242b36; --track: #222936; --accent: #7c9cf5; --good: #4cc38a; --warn: #e8a13a;
    --bad: #f2706c; --idle: #5f6b7e; --wait: #3f5fa8; --badge: #3a2d10; --badge-ink: #ffd48a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial,
    sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 48px; }
header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; margin: 0 0 24px; }
h1 { font-size: 24px; letter-spacing: -.02em; margin: 0; flex: 1 1 auto; }
h2 { font-size: 16px; letter-spacing: -.01em; margin: 0 0 2px; }
p { margin: 0; }
.soft, .note { color: var(--soft); }
.note { font-size: 13px; margin: 0 0 12px; max-width: 68ch; }
.badge {
  background: var(--badge); color: var(--badge-ink); border-radius: 6px; padding: 2px 10px;
  font-size: 13px; font-weight: 600; letter-spacing: .02em;
}
.tiles {
  display: grid; gap: 12px; margin: 0 0 16px;
  grid-template-columns: repeat(auto-fit, minmax(165px, 1fr));
}
.card {
  background: var(--card); border: 1px solid var(--edge); border-radius: 12px;
  padding: 20px 22px; margin: 0 0 16px; min-width: 0;
}
.tile { margin: 0; padding: 14px 18px 16px; }
.tile .figure { font-size: 26px; font-weight: 650; letter-spacing: -.02em; line-height: 1.25; }
.tile .soft { font-size: 13px; }
.tile svg { margin-top: 8px; }
.pair { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); }
.pair .card { margin: 0; }
.pair { margin: 0 0 16px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--soft);
  margin: 0 0 4px; padding: 0; list-style: none; }
.legend svg { margin-right: 6px; vertical-align: -1px; }
.alerts { margin: 0; padding: 0; list-style: none; }
.alerts li { padding: 8px 0 8px 14px; border-left: 3px solid var(--warn); margin: 8px 0; }
.alerts li.critical { border-color: var(--bad); }
.alerts code { font: 12px/1.4 ui-monospace, Menlo, Consolas, monospace; color: var(--soft); }
li, td, th { overflow-wrap: anywhere; }
svg { display: block; overflow: visible; }
.legend svg { display: inline; }
svg text { font-size: 12px; fill: var(--soft); }
svg .name { font-size: 13px; fill: var(--ink); }
svg .value { font-size: 13px; fill: var(--soft); }
.grid { stroke: var(--grid); }
.limit { stroke: var(--bad); stroke-dasharray: 5 4; stroke-width: 1.5; }
svg .limit-text { fill: var(--bad); font-weight: 600; }
.mark { stroke: var(--idle); stroke-dasharray: 2 4; }
.thread { stroke: var(--track); stroke-width: 2; }
.span { stroke-width: 5; stroke-linecap: round; opacity: .45; }
.span.good { stroke: var(--good); } .span.mid { stroke: var(--accent); }
.span.low { stroke: var(--warn); } .span.bad { stroke: var(--bad); }
.clear { fill: transparent; }
.track { fill: var(--track); }
.bar, .spend, .mid { fill: var(--accent); }
.today { fill: var(--wait); }
.good, .executed { fill: var(--good); }
.waiting { fill: var(--wait); }
.dropped { fill: var(--idle); }
.blocked, .low { fill: var(--warn); }
.failed, .bad { fill: var(--bad); }
g:hover > .clear { fill: var(--track); opacity: .6; }
.dot { stroke: var(--card); stroke-width: 2; }
details { margin: 12px 0 0; font-size: 13px; }
summary { cursor: pointer; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 8px 0 0; width: 100%; }
th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--edge); }
th { color: var(--soft); font-weight: 500; }
td.n, th.n { text-align: right; }
footer { color: var(--soft); font-size: 13px; margin: 24px 0 0; }
@media (max-width: 520px) {
  main { padding: 20px 12px 32px; }
  .card { padding: 16px 14px; border-radius: 10px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tile { padding: 12px 14px; }
  .tile .figure { font-size: 21px; }
  .pair { grid-template-columns: 1fr; }
}
@media print { body { background: #fff; } .card { break-inside: avoid; } }
"""
