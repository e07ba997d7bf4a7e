// Where a program's time goes, as a table with bars, and as a Chrome trace to keep: for any page that has a profile.

import {
  bestMilliseconds, chromeTrace, gigaRate, shortNumber, type Ceilings, type Profile, type ProfileRow,
} from '../../src/index.ts'; // prettier-ignore
import { element } from './dom.ts';
import './profile.css';

/** Steps that are listed: those that take longest. */
const MOST_STEPS = 20;

const percent = (share: number): string => (Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : '–');
const number = (textContent: string) => element('td', { className: 'number', textContent });

function line(row: ProfileRow, ceilings: Ceilings): HTMLElement {
  const { step, kernels, outputs, milliseconds, share, flops, bytes } = row;
  const bar = element('span', { className: 'share' });
  bar.style.width = percent(share).replace(' ', '');
  const title = [...new Set(kernels)].join(' ');
  return element(
    'tr',
    {},
    number(String(step)),
    element('td', {}, element('code', { textContent: title }), element('br'), outputs.join(' ')),
    number(shortNumber(milliseconds)),
    element('td', { className: 'bar-cell' }, bar, percent(share)),
    number(gigaRate(flops, milliseconds)),
    number(gigaRate(bytes, milliseconds)),
    number(percent(bestMilliseconds(row, ceilings) / milliseconds)),
  );
}

/** Fills `root` with the steps of `profile` that take longest, how near they are to `ceilings`, and the trace to download. */
export function showProfile(root: HTMLElement, profile: Profile, ceilings: Ceilings): void {
  const { rows, milliseconds, clock, runs } = profile;
  const sorted = rows.toSorted((a, b) => b.milliseconds - a.milliseconds);
  const headings = ['step', 'kernels and results', 'ms', 'share', 'GFLOP/s', 'GB/s', 'of ceiling'];
  const head = element('tr', {}, ...headings.map((textContent) => element('th', { textContent })));
  const body = element('tbody', {}, ...sorted.slice(0, MOST_STEPS).map((row) => line(row, ceilings)));
  const rest = sorted.slice(MOST_STEPS).reduce((sum, { share }) => sum + share, 0);
  const whose = clock === 'gpu' ? "the GPU's clock" : "the page's clock, the way to the GPU included";
  const words = [
    `${rows.length} steps, ${shortNumber(milliseconds)} ms: medians of ${runs} runs by ${whose}.`,
    ...(sorted.length > MOST_STEPS ? [`${sorted.length - MOST_STEPS} more steps take ${percent(rest)}.`] : []),
    `Ceilings measured here: ${gigaRate(ceilings.flopsPerSecond, 1000)} GFLOP/s and ${gigaRate(ceilings.bytesPerSecond, 1000)} GB/s.`,
  ];
  const save = element('button', { textContent: 'Chrome trace', onclick: () => download(profile) });
  save.dataset.tip = 'For chrome://tracing or ui.perfetto.dev';
  root.replaceChildren(
    element('p', { className: 'small muted', textContent: words.join(' ') }),
    element('div', { className: 'profile-table' }, element('table', {}, element('thead', {}, head), body)),
    element('div', { className: 'row' }, save),
  );
}

function download(profile: Profile): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(chromeTrace(profile))], { type: 'application/json' }));
  element('a', { href: url, download: 'five-tigers-trace.json' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
