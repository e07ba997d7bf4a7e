// The page: what is chosen goes to the worker, what it measures is shown as it comes, and can be kept, shared and compared.

import { compareReports, parseBenchReport, type BenchReport, type BenchRow } from '../../src/index.ts';
import { byId, element, oncePerFrame } from '../shared/dom.ts';
import { showProfile } from '../shared/profile.ts';
import { Choice } from './choice.ts';
import type { CaseInfo, Reply, Request } from './protocol.ts';
import { showBars, showTable } from './results.ts';
import { Roofline } from './roofline.ts';
import { pack, readAddress, unpack, writeAddress } from './share.ts';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'five-tigers' });
const ask = (request: Request): void => worker.postMessage(request);
const start = byId<HTMLButtonElement>('start');
const stop = byId<HTMLButtonElement>('stop');
const tune = byId<HTMLButtonElement>('tune');
const progress = byId<HTMLProgressElement>('progress');
const choice = new Choice();
const roofline = new Roofline(byId('roofline'));
const address = readAddress();

let adapter: BenchReport['adapter'] | null = null;
let cases: readonly CaseInfo[] = [];
/** What is shown: this GPU's results, or those of the address. */
let report: BenchReport | null = null;
let other: BenchReport | null = null;
/** Whether the user has chosen cases. */
let chosen = false;

function showProblem(problem: string | null): void {
  byId('problem').hidden = problem === null;
  byId('problem').textContent = problem;
}

/** The row whose kernels are shown. */
let shown: BenchRow | null = null;
const showSource = (row: BenchRow): void => {
  shown = row;
  byId('profile-result').replaceChildren();
  ask({ type: 'source', name: row.name, variant: row.variant });
};

const draw = oncePerFrame(() => {
  byId('results').hidden = !report;
  if (!report) return;
  const { rows, ceilings, skipped } = report;
  byId('whose').textContent = report.adapter.description;
  roofline.show(rows, ceilings);
  showBars(rows, showSource);
  showTable(report, other, showSource);
  byId('skipped').textContent = skipped.map(({ name, reason }) => `Left out: ${name}: ${reason}.`).join(' ');
  byId('comparison').hidden = !other;
  if (!other) return;
  const compared = compareReports(other, report);
  byId('comparison').textContent =
    compared.rows.length === 0
      ? `The report of ${other.adapter.description} has none of these cases.`
      : `${compared.mean.toFixed(2)}× as fast as ${other.adapter.description}: the geometric mean over ${compared.rows.length} ${compared.rows.length === 1 ? 'case' : 'cases'}.`;
});

function remember(): void {
  chosen = true;
  writeAddress({ cases: choice.shortNames, seconds: address.seconds, results: null });
}

/** Chooses what the address names, or else what takes no long time here. */
function chooseFirst(): void {
  const { cases: named } = address;
  const wanted = ({ name, group, large }: CaseInfo) =>
    named ? named.includes(name) || named.includes(group) : !(large && adapter?.software !== false);
  choice.choose(wanted);
}

function showRunning(running: boolean): void {
  start.disabled = running || !adapter;
  tune.disabled = start.disabled;
  start.textContent = report && !running ? 'Run again' : 'Run';
  stop.hidden = !running;
  stop.disabled = false;
}

worker.onmessage = ({ data }: MessageEvent<Reply>) => {
  switch (data.type) {
    case 'cases':
      cases = data.cases;
      choice.show(cases, remember);
      chooseFirst();
      break;
    case 'device':
      adapter = data.adapter;
      byId('adapter').textContent = data.description;
      if (!chosen) chooseFirst();
      showRunning(false);
      break;
    case 'problem':
      if (!adapter) byId('adapter').textContent = 'No GPU to time';
      showProblem(data.message);
      byId('profile-result').replaceChildren();
      byId('state').textContent = '';
      showRunning(false);
      break;
    case 'ceilings':
      report = { version: 1, adapter: adapter!, ceilings: data.ceilings, rows: [], skipped: [] };
      break;
    case 'progress':
      progress.max = data.total;
      progress.value = data.done;
      byId('state').textContent = `${data.done + 1} of ${data.total}: ${data.name} …`;
      break;
    case 'tuning': {
      const { kept, changed } = data;
      byId('tuning').hidden = kept === 0;
      byId('tuning').querySelector('span')!.textContent =
        `${kept} ${kept === 1 ? 'kernel is' : 'kernels are'} chosen by what was measured, and kept in this browser.`;
      if (changed === undefined) break;
      progress.value = progress.max;
      byId('state').textContent = `Tuned: ${changed} new or changed ${changed === 1 ? 'choice' : 'choices'}.`;
      showRunning(false);
      break;
    }
    case 'row':
      report = { ...report!, rows: [...report!.rows, data.row] };
      draw();
      break;
    case 'finished':
      report = data.report;
      progress.value = progress.max;
      byId('state').textContent = `Done: ${report.rows.length} ${report.rows.length === 1 ? 'row' : 'rows'}.`;
      showRunning(false);
      draw();
      break;
    case 'profile':
      showProfile(byId('profile-result'), data.profile, data.ceilings);
      break;
    case 'source': {
      byId('source-title').textContent = data.title;
      const parts = data.kernels.flatMap(({ name, workgroups, wgsl }) => [
        element('h3', { textContent: `${name}, ${workgroups.join(' × ')} workgroups` }),
        element('pre', { textContent: wgsl }),
      ]);
      byId('source-kernels').replaceChildren(...parts);
      const dialog = byId<HTMLDialogElement>('source');
      if (!dialog.open) dialog.showModal();
    }
  }
};
worker.onerror = ({ message }) =>
  showProblem(`The worker stopped: ${message || 'it could not be started'}. Reload the page.`);

/** Gets ready for work on the chosen cases; false where none is. */
function begin(state: string): boolean {
  if (choice.names.length === 0) {
    showProblem('Choose a case first.');
    return false;
  }
  showProblem(null);
  showRunning(true);
  byId('state').textContent = state;
  progress.value = 0;
  return true;
}

start.onclick = () => {
  if (!begin('Measuring the two ceilings …')) return;
  // Results that came with a link are what the own ones are compared with.
  if (report && report.adapter !== adapter && !other && address.results) other = report;
  const variants = byId<HTMLInputElement>('variants').checked;
  ask({ type: 'start', cases: choice.names, variants, seconds: address.seconds });
};
tune.onclick = () => {
  if (begin('Trying kernel variants …')) ask({ type: 'tune', cases: choice.names, seconds: address.seconds });
};
byId('forget').onclick = () => ask({ type: 'forget' });
stop.onclick = () => {
  stop.disabled = true;
  ask({ type: 'stop' });
};
byId('source-profile').onclick = () => {
  byId('profile-result').textContent = 'Timing each kernel …';
  ask({ type: 'profile', name: shown!.name, variant: shown!.variant });
};
byId('source-close').onclick = () => byId<HTMLDialogElement>('source').close();

byId('download').onclick = () => {
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 1)], { type: 'application/json' }));
  element('a', { href: url, download: 'five-tigers-bench.json' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};
byId('link').onclick = async () => {
  writeAddress({ cases: choice.shortNames, seconds: address.seconds, results: await pack(report!) });
  // Where the clipboard is closed, the address bar has the link.
  const copied = await navigator.clipboard.writeText(location.href).then(() => true, () => false); // prettier-ignore
  byId('link').textContent = copied ? 'Copied' : 'The link is in the address bar';
  setTimeout(() => (byId('link').textContent = 'Copy link'), 3000);
};
byId<HTMLInputElement>('compare').onchange = async ({ target }) => {
  const input = target as HTMLInputElement;
  const file = input.files?.[0];
  if (!file) return;
  try {
    other = parseBenchReport(await file.text(), file.name);
    showProblem(null);
    draw();
  } catch (error) {
    showProblem((error as Error).message);
  }
  // The same file again is a change, too.
  input.value = '';
};

if (address.results) {
  try {
    report = await unpack(address.results);
    draw();
  } catch (error) {
    showProblem((error as Error).message);
  }
}
