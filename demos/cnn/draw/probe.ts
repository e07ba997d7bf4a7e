// The probe: says what one value is, and shows the pixels of the input that it depends on.

import { byId, element, picture } from '../../shared/dom.ts';
import { onThemeChange, paint, scaleOf } from '../../shared/palette.ts';
import { tipCells } from '../../shared/tooltip.ts';
import { INPUT, receptiveField, type Field, type Layer } from '../geometry.ts';
import type { Answer } from '../protocol.ts';
import { ACTIVATIONS } from './guide.ts';

/** A value of a map. */
export interface Cell {
  readonly layer: Layer;
  readonly map: number;
  readonly row: number;
  readonly column: number;
}

const HINT =
  'Hover or tap any value below (or use the arrow keys): here is what it is, and which part of the input it sees.';
const EMPTY = new Float32Array(INPUT * INPUT);
const KERNEL = 5;

const short = (value: number): string => value.toFixed(3).replace('-', '−');

/** Shows the input and whatever cell is pointed at. */
export class Probe {
  readonly #input = picture(INPUT, INPUT, 'The digit as the network gets it');
  readonly #frame = element('div', { className: 'field-frame', hidden: true });
  readonly #text = byId('probe');
  #digit: Float32Array = EMPTY;
  #answer: Answer | null = null;
  #cell: Cell | null = null;

  constructor() {
    byId('input-figure').append(this.#input, this.#frame);
    tipCells(this.#input, INPUT, INPUT, (row, column) => {
      return `input, row ${row}, column ${column}: ${short(this.#digit[row * INPUT + column])}`;
    });
    onThemeChange(() => this.#draw());
    this.#draw();
  }

  /** Takes a digit with the answer to it. */
  update(digit: Float32Array | null, answer: Answer | null): void {
    this.#digit = digit ?? EMPTY;
    this.#answer = answer;
    this.#draw();
  }

  /** Points at `cell`; null points at nothing. */
  show(cell: Cell | null): void {
    this.#cell = cell;
    this.#draw();
  }

  #draw(): void {
    paint(this.#input, this.#digit, 'ink');
    const { layer, map, row, column } = this.#cell ?? {};
    this.#frame.hidden = !this.#cell || !this.#answer;
    if (!layer || !this.#answer) {
      this.#text.textContent = HINT;
      return;
    }
    const field = receptiveField(layer.name, row!, column!);
    this.#place(field);
    const value = this.#answer.layers[layer.name][(map! * layer.size + row!) * layer.size + column!];
    const end = (first: number) => first + field.size - 1;
    const where = `rows ${field.row}–${end(field.row)}, columns ${field.column}–${end(field.column)}`;
    this.#text.replaceChildren(
      element(
        'p',
        {},
        element('b', { textContent: `${layer.title}, map ${map}, row ${row}, column ${column}: ` }),
        element('b', { className: 'number', textContent: short(value) }),
      ),
      element('p', { textContent: `Sees ${field.size} × ${field.size} pixels: ${where}.` }),
      this.#parts(field, layer, map!, value),
    );
  }

  #place({ row, column, size }: Field): void {
    const part = (pixels: number) => `${(100 * pixels) / INPUT}%`;
    Object.assign(this.#frame.style, { top: part(row), left: part(column), width: part(size), height: part(size) });
  }

  /** The pixels that the value sees and, for C1, the sum by which it came about. */
  #parts(field: Field, layer: Layer, map: number, value: number): HTMLElement {
    const patch = this.#patch(field);
    const seen = picture(field.size, field.size, 'The pixels that it sees');
    paint(seen, patch, 'ink');
    tipCells(seen, field.size, field.size, (row, column) => `pixel: ${short(patch[row * field.size + column])}`);
    if (layer.name !== 'c1') return element('div', { className: 'sum' }, seen);
    const { filters, biases, config } = this.#answer!;
    const size = KERNEL * KERNEL;
    const weights = filters.subarray(map * size, (map + 1) * size);
    const filter = picture(KERNEL, KERNEL, `Filter ${map} of C1`);
    paint(filter, weights, 'signed', scaleOf(filters));
    tipCells(filter, KERNEL, KERNEL, (row, column) => `weight: ${short(weights[row * KERNEL + column])}`);
    const sum = weights.reduce((total, weight, i) => total + weight * patch[i], biases[map]);
    const steps = `summed, with a bias of ${short(biases[map])}: ${short(sum)}. ${ACTIVATIONS[config].name} makes it ${short(value)}.`;
    return element(
      'div',
      { className: 'sum' },
      seen,
      '×',
      filter,
      element('span', { className: 'number', textContent: steps }),
    );
  }

  #patch({ row, column, size }: Field): Float32Array {
    return Float32Array.from({ length: size * size }, (_, i) => {
      return this.#digit[(row + Math.floor(i / size)) * INPUT + column + (i % size)];
    });
  }
}
