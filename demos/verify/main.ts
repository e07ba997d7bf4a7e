// The page: starts the worker's check, shows what comes in, op by op, and offers the report.

import { partOf, summarize, type OpSummary, type VerifyReport, type VerifyRow } from '../../src/index.ts';
import { byId, element, oncePerFrame } from '../shared/dom.ts';
import type { Reply, Request } from './protocol.ts';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'five-tigers' });
const start = byId<HTMLButtonElement>('start');
const download = byId<HTMLButtonElement>('download');
const failures = byId<HTMLInputElement>('failures');
const progress = byId<HTMLProgressElement>('progress');
const verdict = byId('verdict');

let rows: VerifyRow[] = [];
let report: VerifyReport | null = null;

function showProblem(message: string): void {
  const box = byId('problem');
  box.hidden = false;
  box.textContent = message;
  start.textContent = 'Check my GPU';
}

const number = (value: number): string => (value === 0 ? '0' : value === Infinity ? '∞' : value.toExponential(2));

function rowOf(row: VerifyRow): HTMLTableRowElement {
  const { case: name, variant, dtype, direction, maxError, tolerance, ok, problem } = row;
  const cells = [direction, name, variant, dtype].map((text) => element('td', { textContent: text }));
  const numbers = [maxError, tolerance].map((value) =>
    element('td', { className: 'number', textContent: number(value) }),
  );
  const state = element('td', { className: ok ? '' : 'bad', textContent: ok ? 'ok' : (problem ?? 'wrong') });
  return element('tr', {}, ...cells, ...numbers, state);
}

const HEADINGS = ['direction', 'case', 'variant', 'type', 'error', 'tolerance', ''];

/** An op's line; its comparisons are made when it is opened. */
function lineOf(op: OpSummary): HTMLDetailsElement {
  const used = element('span');
  used.style.width = `${100 * Math.min(1, partOf(op.worst))}%`;
  const bar = element(
    'span',
    { className: 'used', title: `${(100 * partOf(op.worst)).toPrecision(2)} % of the tolerance` },
    used,
  );
  const summary = element(
    'summary',
    {},
    element('span', { className: 'name', textContent: op.op }),
    element('span', { className: 'variants', textContent: `${op.dtypes.join(', ')} · ${op.variants.join(', ')}` }),
    bar,
    element('span', { className: 'state', textContent: op.ok ? 'ok' : 'wrong' }),
  );
  const line = element('details', { className: op.ok ? 'op' : 'op wrong' }, summary);
  line.dataset.op = op.op;
  line.ontoggle = () => {
    if (!line.open || line.childElementCount > 1) return;
    const head = element('tr', {}, ...HEADINGS.map((text) => element('th', { textContent: text })));
    const own = rows.filter((row) => row.op === op.op && (row.ok ? !failures.checked : true));
    const table = element('table', {}, element('thead', {}, head), element('tbody', {}, ...own.map(rowOf)));
    line.append(element('div', { className: 'scroll' }, table));
  };
  return line;
}

/** Draws the list anew, except what is open in it. */
const draw = oncePerFrame(() => {
  const open = new Set(
    [...byId('ops').querySelectorAll<HTMLElement>('details[open]')].map(({ dataset }) => dataset.op),
  );
  const lines = summarize(rows)
    .filter(({ ok }) => !failures.checked || !ok)
    .map((op) => Object.assign(lineOf(op), { open: open.has(op.op) }));
  byId('ops').replaceChildren(...lines);
  const wrong = rows.filter(({ ok }) => !ok).length;
  if (rows.length === 0) return;
  const count = rows.length.toLocaleString('en');
  verdict.dataset.ok = String(wrong === 0);
  verdict.textContent = `${report ? 'Done: ' : ''}${count} comparisons, ${wrong === 0 ? 'all right' : `${wrong} wrong`}${report ? '.' : ' so far …'}`;
});

worker.onmessage = ({ data }: MessageEvent<Reply>) => {
  switch (data.type) {
    case 'device':
      byId('adapter').textContent = data.description + (data.f16 ? '' : ' · without f16');
      byId('adapter').title = data.details;
      start.disabled = false;
      break;
    case 'problem':
      if (byId('adapter').textContent!.endsWith('…')) byId('adapter').textContent = 'No GPU to check';
      showProblem(data.message);
      break;
    case 'progress':
      progress.max = data.total;
      progress.value = data.done;
      start.textContent = data.op ? `Checking ${data.op} …` : 'Check again';
      break;
    case 'rows':
      rows.push(...data.rows);
      if (data.rows.length > 0) draw();
      break;
    case 'finished':
      // The last rows come with it.
      rows = [...data.report.cases];
      report = data.report;
      start.disabled = false;
      download.disabled = false;
      draw();
  }
};
worker.onerror = ({ message }) =>
  showProblem(`The worker stopped: ${message || 'it could not be started'}. Reload the page.`);

start.onclick = () => {
  [rows, report] = [[], null];
  byId('problem').hidden = true;
  byId('ops').replaceChildren();
  verdict.textContent = '';
  start.disabled = true;
  download.disabled = true;
  // The address may name some ops, as in #op=matmul,conv2d.
  const ops = new URLSearchParams(location.hash.slice(1)).get('op')?.split(',');
  worker.postMessage({ type: 'start', ops } satisfies Request);
};
failures.onchange = draw;
download.onclick = () => {
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 1)], { type: 'application/json' }));
  element('a', { href: url, download: 'five-tigers-verify.json' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};
