import { inkOn, readable } from '../lib/colours';
import type { WidgetLook } from './server';

const light = {
  paper: '#ffffff',
  sunken: '#f3f2ef',
  line: '#dcd9d2',
  edge: '#85817a',
  ink: '#1e1d1a',
  ink2: '#57544c',
  bad: '#a3271f',
};
const dark = {
  paper: '#1d1d1a',
  sunken: '#131312',
  line: '#3a3934',
  edge: '#8b887e',
  ink: '#eeece6',
  ink2: '#b9b5aa',
  bad: '#f0958b',
};

function colours(set: typeof light, accent: string): string {
  const named = { ...set, link: readable(accent, set.paper, set.ink) };
  return Object.entries(named)
    .map(([name, value]) => `--${name}:${value};`)
    .join('');
}

/** The chat's style sheet. The shadow root keeps the page's styles out; what could reach the host is made important. */
export function styleOf(look: WidgetLook): string {
  const accent = look.accent.toLowerCase();
  const side = look.position;
  const darkRules = `:host{${colours(dark, accent)}color-scheme:dark!important}`;
  const scheme =
    look.scheme === 'dark'
      ? darkRules
      : look.scheme === 'auto'
        ? `@media (prefers-color-scheme:dark){${darkRules}}`
        : '';
  return `
:host{all:initial!important;display:block!important;position:fixed!important;inset-block-end:20px!important;${side}:20px!important;z-index:2147483000!important;color-scheme:light!important;
--accent:${accent};--on:${inkOn(accent)};${colours(light, accent)}}
${scheme}
@media print{:host{display:none!important}}
*{box-sizing:border-box}
.all{font:15px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:var(--ink);text-align:start;-webkit-text-size-adjust:100%}
button,textarea{font:inherit;color:inherit;margin:0}
button{cursor:pointer}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.launcher{display:grid;place-items:center;width:56px;height:56px;border:1px solid var(--edge);border-radius:50%;background:var(--accent);color:var(--on);box-shadow:0 4px 16px rgb(0 0 0/.25);margin-inline-${side === 'left' ? 'end' : 'start'}:auto}
.launcher:focus-visible{outline-color:var(--ink);box-shadow:0 0 0 2px var(--paper)}
.launcher svg{width:26px;height:26px}
.panel{position:absolute;bottom:68px;${side}:0;display:flex;flex-direction:column;width:min(400px,calc(100vw - 40px));height:min(620px,calc(100dvh - 108px));background:var(--paper);border:1px solid var(--line);border-radius:12px;box-shadow:0 12px 40px rgb(0 0 0/.28);overflow:hidden}
.panel[hidden]{display:none}
header{display:flex;align-items:center;gap:8px;padding:8px 8px 8px 16px;background:var(--accent);color:var(--on)}
h2{flex:1;min-width:0;margin:0;font-size:16px;font-weight:600;line-height:1.25;overflow-wrap:anywhere}
header .logo{flex:none;border-radius:4px}
header button{display:grid;place-items:center;width:40px;height:40px;border:0;border-radius:8px;background:transparent}
header button:hover{background:color-mix(in srgb,var(--on) 16%,transparent)}
header button:focus-visible{outline-color:var(--on);outline-offset:-3px}
.log{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:16px;display:flex;flex-direction:column;gap:16px}
.log p{margin:0 0 8px}
.log p:last-child{margin-bottom:0}
.greeting{color:var(--ink2)}
.starters{display:flex;flex-direction:column;align-items:flex-start;gap:8px}
.starters button,.plain{min-height:36px;padding:6px 12px;border:1px solid var(--edge);border-radius:8px;background:var(--paper);text-align:start}
.starters button:hover,.plain:hover{background:var(--sunken)}
.question{align-self:flex-end;max-width:88%;padding:8px 12px;border-radius:12px;background:var(--sunken);white-space:pre-wrap;overflow-wrap:anywhere}
.answer{min-width:0;overflow-wrap:anywhere}
.answer ul,.answer ol{margin:0 0 8px;padding-inline-start:22px}
.answer li{margin:2px 0}
.answer blockquote{margin:0 0 8px;padding-inline-start:12px;border-inline-start:3px solid var(--line)}
.answer .heading{font-weight:600}
.answer hr{border:0;border-top:1px solid var(--line);margin:12px 0}
pre,.scrolls{overflow-x:auto;margin:0 0 8px}
pre{padding:10px;border-radius:8px;background:var(--sunken)}
code{font:.9em ui-monospace,"SF Mono",Menlo,Consolas,monospace}
table{border-collapse:collapse}
th,td{border:1px solid var(--line);padding:4px 8px;text-align:start;vertical-align:top}
a{color:var(--link);text-underline-offset:2px}
.mark{display:inline-block;min-width:18px;margin-inline-start:2px;padding:0 4px;border-radius:6px;background:var(--sunken);font-size:12px;line-height:18px;text-align:center;text-decoration:none;vertical-align:2px}
.mark:hover{text-decoration:underline}
.sources{margin-top:8px;padding-top:8px;border-top:1px solid var(--line);font-size:14px}
.sources b{display:block;font-weight:600}
.sources ol{list-style-position:inside;margin:0;padding:0}
.sources ol.bare{list-style:none}
.note{color:var(--ink2);font-size:14px}
.bad{color:var(--bad)}
.row{display:flex;flex-wrap:wrap;align-items:center;gap:8px}
.thumbs{margin-top:4px}
.thumbs>.row button{display:grid;place-items:center;width:36px;height:36px;border:0;border-radius:8px;background:transparent;color:var(--ink2)}
.thumbs>.row button:hover{background:var(--sunken)}
.thumbs>.row [aria-pressed=true]{color:var(--link);background:var(--sunken)}
.thumbs svg{width:17px;height:17px}
.reason{display:flex;flex-direction:column;gap:8px;margin-top:8px;font-size:14px}
textarea{width:100%;padding:8px 12px;border:1px solid var(--edge);border-radius:8px;background:var(--paper);resize:none;field-sizing:content;max-height:140px}
textarea::placeholder{color:var(--ink2);opacity:1}
.ask{display:flex;align-items:flex-end;gap:8px;padding:12px 12px 4px;border-top:1px solid var(--line)}
.ask button{flex:none;display:grid;place-items:center;width:42px;height:42px;border:1px solid var(--edge);border-radius:8px;background:var(--accent);color:var(--on)}
.ask button:disabled{opacity:.6;cursor:default}
footer{padding:0 16px 8px;font-size:12px;color:var(--ink2)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.dot{display:inline-block;width:8px;height:8px;margin-inline-end:8px;border-radius:50%;background:var(--link);animation:beat 1.2s infinite}
@keyframes beat{50%{opacity:.25}}
@media (prefers-reduced-motion:reduce){.dot{animation:none}}
@media (max-width:480px){.panel{position:fixed;inset:0;width:auto;height:auto;border:0;border-radius:0}.log,textarea{font-size:16px}}
@media (pointer:coarse){.thumbs>.row button,header button,.ask button{width:44px;height:44px}.starters button,.plain{min-height:44px}}
@media (forced-colors:active){.launcher,.ask button{border:1px solid}}
`;
}
