// Curves of loss and accuracy while they grow. Long runs are thinned out, so that a day of training fits too.

import { language } from '../../shared/valid-language.ts';
import uPlot, { type AlignedData, type Options, type Series } from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { oncePerFrame } from '../../shared/dom.ts';
import { onThemeChange, themeColor } from '../../shared/palette.ts';

/** A curve: its name, its colour as one of the theme's variables, and whether it is a few measured points. */
export interface Curve {
  readonly label: string;
  readonly color: string;
  readonly width?: number;
  readonly points?: boolean;
}

/** More points than this, and every second one goes. */
const MOST_POINTS = 4000;
const HEIGHT = 220;

/** A chart of curves over training steps. */
export class Curves {
  readonly #root: HTMLElement;
  readonly #curves: readonly Curve[];
  readonly #range: Options['scales'];
  readonly #format: (value: number) => string;
  readonly #tick: (value: number) => string;
  readonly #draw = oncePerFrame(() => this.#plot.setData(this.#data as AlignedData));
  #data: (number | null)[][];
  #plot!: uPlot;

  /** `format` writes values that are hovered, `tick` those of the axis. */
  constructor(
    root: HTMLElement,
    curves: readonly Curve[],
    range: Options['scales'],
    format: (value: number) => string,
    tick: (value: number) => string,
  ) {
    this.#root = root;
    this.#curves = curves;
    this.#range = range;
    this.#format = format;
    this.#tick = tick;
    this.#data = [[], ...curves.map(() => [])];
    this.#make();
    onThemeChange(() => this.#make());
    new ResizeObserver(() => this.#resize()).observe(root);
  }

  /** Adds the values of all curves at `step`; null where a curve has none. */
  add(step: number, values: readonly (number | null)[]): void {
    // A test and a training step may belong to the same step.
    const [steps] = this.#data;
    if (steps.at(-1) === step)
      values.forEach((value, i) => value !== null && (this.#data[i + 1][steps.length - 1] = value));
    else [step, ...values].forEach((value, i) => this.#data[i].push(value));
    if (steps.length > MOST_POINTS) this.#thin();
    this.#draw();
  }

  /** Forgets what came after `step`. */
  cut(step: number): void {
    const kept = this.#data[0].filter((at) => at! <= step).length;
    this.#data = this.#data.map((values) => values.slice(0, kept));
    this.#draw();
  }

  /** Measured points are few and stay; of the rest every second one goes. */
  #thin(): void {
    const measured = this.#curves.flatMap(({ points }, i) => (points ? [i + 1] : []));
    const kept = this.#data[0].map((_, i) => i % 2 === 0 || measured.some((curve) => this.#data[curve][i] !== null));
    this.#data = this.#data.map((values) => values.filter((_, i) => kept[i]));
  }

  #resize(): void {
    const width = this.#root.clientWidth;
    // A hidden tab has no width, and a chart needs one.
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #make(): void {
    this.#plot?.destroy();
    const axis = {
      stroke: themeColor('--muted'),
      grid: { stroke: themeColor('--line'), width: 1 },
      ticks: { show: false },
    };
    const value = (_: uPlot, number: number | null) => (number === null ? '–' : this.#format(number));
    const series = this.#curves.map(({ label, color, width = 2, points = false }): Series => {
      const stroke = themeColor(color);
      return { label, stroke, width, value, spanGaps: true, points: { show: points, size: 6, fill: stroke } };
    });
    const options: Options = {
      width: Math.max(this.#root.clientWidth, 200),
      height: HEIGHT,
      scales: { x: { time: false }, ...this.#range },
      axes: [axis, { ...axis, size: 48, values: (_, ticks) => ticks.map(this.#tick) }],
      series: [{ label: 'step', value: (_, step) => step?.toLocaleString(language) ?? '–' }, ...series],
      cursor: { drag: { x: false, y: false } },
    };
    this.#plot = new uPlot(options, this.#data as AlignedData, this.#root);
  }
}

/** A running mean over about `steps` steps that starts without a bias towards zero. */
export class RunningMean {
  readonly #decay: number;
  #sum = 0;
  #weight = 0;

  constructor(steps: number) {
    this.#decay = 1 - 1 / steps;
  }

  /** The mean with `value` added to it. */
  add(value: number): number {
    this.#sum = this.#decay * this.#sum + value;
    this.#weight = this.#decay * this.#weight + 1;
    return this.#sum / this.#weight;
  }
}
