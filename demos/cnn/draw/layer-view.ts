// One layer's maps as pictures: pointing at a value, with mouse, finger or arrow keys, shows it in the probe.

import { element, picture } from '../../shared/dom.ts';
import { paint, scaleOf } from '../../shared/palette.ts';
import { cellAt } from '../../shared/tooltip.ts';
import type { Layer } from '../geometry.ts';
import type { Probe } from './probe.ts';

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The maps of one layer. */
export class LayerView {
  readonly root: HTMLElement;
  readonly #grid = element('div', { className: 'maps', tabIndex: 0 });
  readonly #scale = element('div', { className: 'scale small muted' });
  readonly #layer: Layer;
  readonly #probe: Probe;
  readonly #maps: readonly HTMLCanvasElement[];
  readonly #frame = element('div', { className: 'cell-frame', hidden: true });
  #map = 0;
  #row = 0;
  #column = 0;

  constructor(layer: Layer, probe: Probe) {
    this.#layer = layer;
    this.#probe = probe;
    const { title, maps, size, name } = layer;
    this.#maps = Array.from({ length: maps }, (_, map) => picture(size, size, `${title}, map ${map}`));
    this.#grid.append(...this.#maps.map((map) => element('div', { className: 'pixel-figure' }, map)));
    this.#grid.classList.add(name);
    this.#grid.role = 'group';
    this.#grid.ariaLabel = `${title}: ${maps} maps of ${size} by ${size}. The arrow keys move over their values, also from map to map.`;
    this.#grid.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && this.#pointAt(event));
    this.#grid.addEventListener('click', (event) => this.#pointAt(event));
    this.#grid.addEventListener('pointerleave', ({ pointerType }) => pointerType !== 'touch' && this.#leave());
    this.#grid.addEventListener('blur', () => this.#leave());
    this.#grid.addEventListener('keydown', (event) => this.#press(event));
    this.root = element('div', {}, this.#grid, this.#scale);
  }

  /** Shows the layer's values. */
  show(values: Float32Array): void {
    const { size } = this.#layer;
    const scale = scaleOf(values);
    const lowest = Math.min(...values) < 0 ? -scale : 0;
    this.#scale.replaceChildren(
      element('span', { textContent: lowest.toFixed(2) }),
      element('span', { className: lowest < 0 ? 'ramp signed' : 'ramp' }),
      element('span', { textContent: scale.toFixed(2) }),
    );
    this.#maps.forEach((map, i) =>
      paint(map, values.subarray(i * size * size, (i + 1) * size * size), 'signed', scale),
    );
  }

  #pointAt(event: MouseEvent): void {
    const map = this.#maps.indexOf(event.target as HTMLCanvasElement);
    if (map < 0) return;
    const { size } = this.#layer;
    const { row, column } = cellAt(this.#maps[map], event, size, size);
    this.#point(map, row, column);
  }

  #press(event: KeyboardEvent): void {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const { size, maps } = this.#layer;
    // The maps stand side by side: beyond one's edge is the next one.
    const across = Math.min(Math.max(this.#map * size + this.#column + step[1], 0), maps * size - 1);
    const row = Math.min(Math.max(this.#row + step[0], 0), size - 1);
    this.#point(Math.floor(across / size), row, across % size);
  }

  #point(map: number, row: number, column: number): void {
    [this.#map, this.#row, this.#column] = [map, row, column];
    const { size } = this.#layer;
    const part = (cells: number) => `${(100 * cells) / size}%`;
    Object.assign(this.#frame.style, { top: part(row), left: part(column), width: part(1), height: part(1) });
    this.#frame.hidden = false;
    this.#maps[map].parentElement!.append(this.#frame);
    this.#probe.show({ layer: this.#layer, map, row, column });
  }

  #leave(): void {
    this.#frame.hidden = true;
    this.#probe.show(null);
  }
}
