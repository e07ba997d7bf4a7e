// The roofline chart (Williams, Waterman and Patterson, 2009): each case's speed over its operations per byte, under two ceilings.

import { language } from '../shared/valid-language.ts';
import uPlot, { type AlignedData, type Options } from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { gigaRate, shortNumber, type BenchRow, type Ceilings } from '../../src/index.ts';
import { element } from '../shared/dom.ts';
import { onThemeChange, themeColor } from '../shared/palette.ts';
import { tip } from '../shared/tooltip.ts';

const HEIGHT = 340;

/** A row in words, for a hover. */
export const tellRow = ({ name, variant, milliseconds, flops, bytes, ofCeiling }: BenchRow): string =>
  [
    variant ? `${name}: ${variant}` : name,
    `${shortNumber(milliseconds)} ms`,
    `${gigaRate(flops, milliseconds)} GFLOP/s`,
    `${gigaRate(bytes, milliseconds)} GB/s`,
    `${(100 * ofCeiling).toFixed(0)} % of the ceiling`,
  ].join('\n');

/** The chart. Its dots are elements, so that they can be hovered, tapped and reached by keyboard. */
export class Roofline {
  readonly #root: HTMLElement;
  #plot: uPlot | null = null;
  #rows: readonly BenchRow[] = [];
  #ceilings: Ceilings | null = null;

  constructor(root: HTMLElement) {
    this.#root = root;
    onThemeChange(() => this.#make());
    new ResizeObserver(() => {
      const width = root.clientWidth;
      if (this.#plot && width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
    }).observe(root);
  }

  /** Draws anew. */
  show(rows: readonly BenchRow[], ceilings: Ceilings): void {
    this.#rows = rows.filter(({ flops, bytes }) => flops > 0 && bytes > 0);
    this.#ceilings = ceilings;
    this.#make();
  }

  #make(): void {
    if (!this.#ceilings) return;
    this.#plot?.destroy();
    const { bytesPerSecond, flopsPerSecond } = this.#ceilings;
    const [peak, ridge] = [flopsPerSecond / 1e9, flopsPerSecond / bytesPerSecond];
    const dots = this.#rows.map((row) => ({
      row,
      x: row.flops / row.bytes,
      y: row.flops / row.milliseconds / 1e6,
    }));
    const range = (values: number[]): [number, number] => [
      10 ** Math.floor(Math.log10(Math.min(...values)) - 0.1),
      10 ** Math.ceil(Math.log10(Math.max(...values)) + 0.1),
    ];
    const x = range([ridge / 10, ridge * 10, ...dots.map((dot) => dot.x)]);
    const slope = (at: number) => (at * bytesPerSecond) / 1e9;
    const y = range([peak, ...dots.map((dot) => dot.y), slope(ridge / 10)]);
    const axis = {
      stroke: themeColor('--muted'),
      grid: { stroke: themeColor('--line'), width: 1 },
      ticks: { show: false },
      values: (_: uPlot, ticks: (number | null)[]) =>
        ticks.map((tick) => (tick !== null && Number.isInteger(Math.round(1e6 * Math.log10(tick)) / 1e6) ? tick.toLocaleString(language) : '')),
    }; // prettier-ignore
    const place = (plot: uPlot) => {
      plot.over.querySelectorAll('.dot').forEach((dot) => dot.remove());
      for (const dot of dots) {
        const button = element('button', { className: dot.row.variant ? 'dot variant' : 'dot', type: 'button' });
        button.style.left = `${plot.valToPos(dot.x, 'x')}px`;
        button.style.top = `${plot.valToPos(dot.y, 'y')}px`;
        button.ariaLabel = tellRow(dot.row);
        tip(button, button.ariaLabel);
        plot.over.append(button);
      }
    };
    const line = { stroke: themeColor('--ink'), width: 2, points: { show: false } };
    const options: Options = {
      width: Math.max(this.#root.clientWidth, 200),
      height: HEIGHT,
      scales: { x: { time: false, distr: 3, range: x }, y: { distr: 3, range: y } },
      axes: [
        { ...axis, label: 'operations per byte' },
        { ...axis, size: 64, label: 'GFLOP/s' },
      ],
      series: [{}, { ...line, label: `copy: ${gigaRate(bytesPerSecond, 1000)} GB/s` }, { ...line, dash: [6, 4], label: `multiply-add: ${gigaRate(flopsPerSecond, 1000)} GFLOP/s` }], // prettier-ignore
      cursor: { show: false },
      legend: { live: false },
      hooks: { draw: [place] },
    };
    const data: (number | null)[][] = [
      [x[0], ridge, x[1]],
      [slope(x[0]), peak, null],
      [null, peak, peak],
    ];
    this.#plot = new uPlot(options, data as AlignedData, this.#root);
  }
}
