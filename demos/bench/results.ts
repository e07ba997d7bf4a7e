// The rows as a table, and the variants of a kernel side by side.

import { compareReports, gigaRate, shortNumber, type BenchReport, type BenchRow } from '../../src/index.ts';
import { byId, element } from '../shared/dom.ts';

/** Asks for the WGSL of a row. */
type ShowSource = (row: BenchRow) => void;

const key = ({ name, variant = '' }: Pick<BenchRow, 'name' | 'variant'>): string => `${name} ${variant}`;
const number = (text: string): HTMLElement => element('td', { className: 'number', textContent: text });

/** Fills the table; with `other` each case has its speedup over that report. */
export function showTable(report: BenchReport, other: BenchReport | null, showSource: ShowSource): void {
  const speedups = new Map(other && compareReports(other, report).rows.map((row) => [key(row), row.speedup]));
  const numeric = ['ms', 'spread', 'GFLOP/s', 'GB/s', 'of ceiling', ...(other ? ['speedup'] : [])];
  const head = element(
    'tr',
    {},
    ...['case', 'variant'].map((text) => element('th', { textContent: text })),
    ...numeric.map((text) => element('th', { className: 'number', textContent: text })),
    element('th'),
  );
  const lines = report.rows.map((row) => {
    const { name, variant = '', milliseconds, quartiles, flops, bytes, ofCeiling } = row;
    const speedup = speedups.get(key(row));
    const button = element('button', { textContent: 'WGSL', onclick: () => showSource(row) });
    const cell = number(speedup === undefined ? '–' : `${speedup.toFixed(2)}×`);
    if (speedup !== undefined) cell.classList.add(speedup >= 1 ? 'faster' : 'slower');
    return element(
      'tr',
      {},
      element('td', { textContent: name }),
      element('td', { textContent: variant }),
      number(shortNumber(milliseconds)),
      number(`±${((50 * (quartiles[1] - quartiles[0])) / milliseconds).toFixed(0)} %`),
      number(gigaRate(flops, milliseconds)),
      number(gigaRate(bytes, milliseconds)),
      number(`${(100 * ofCeiling).toFixed(0)} %`),
      ...(other ? [cell] : []),
      element('td', {}, button),
    );
  });
  const table = byId<HTMLTableElement>('table');
  table.tHead!.replaceChildren(head);
  table.tBodies[0].replaceChildren(...lines);
}

/** For each case with variants a card with their speeds as bars, slowest first: what each idea buys. */
export function showBars(rows: readonly BenchRow[], showSource: ShowSource): void {
  const names = [...new Set(rows.filter(({ variant }) => variant !== undefined).map(({ name }) => name))];
  const cards = names.map((name) => {
    const own = rows.filter((row) => row.name === name && row.variant !== undefined);
    const sorted = own.toSorted((a, b) => b.milliseconds - a.milliseconds);
    const [slowest, fastest] = [sorted[0].milliseconds, sorted.at(-1)!.milliseconds];
    const bars = sorted.map((row) => {
      const length = element('span', { className: 'length' });
      length.style.width = `${(100 * fastest) / row.milliseconds}%`;
      const times = `${shortNumber(row.milliseconds)} ms · ${(slowest / row.milliseconds).toFixed(1)}×`;
      return element(
        'button',
        { className: 'bar', title: 'Show the WGSL', onclick: () => showSource(row) },
        element('span', { textContent: row.variant }),
        length,
        element('span', { className: 'time', textContent: times }),
      );
    });
    return element('div', { className: 'card' }, element('h3', { textContent: `${name}: variants` }), ...bars);
  });
  byId('bars').replaceChildren(...cards);
}
