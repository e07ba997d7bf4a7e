// C1's six filters as pictures.

import { element, picture } from '../../shared/dom.ts';
import { onThemeChange, paint, scaleOf } from '../../shared/palette.ts';
import { tipCells } from '../../shared/tooltip.ts';

const COUNT = 6;
const SIZE = 5;

/** Fills `root`; the returned function shows filters [6, 1, 5, 5]. */
export function filterPictures(root: HTMLElement): (filters: Float32Array) => void {
  const canvases = Array.from({ length: COUNT }, (_, i) => picture(SIZE, SIZE, `Filter ${i}`));
  let shown = new Float32Array(COUNT * SIZE * SIZE);
  root.append(...canvases.map((canvas) => element('div', { className: 'pixel-figure' }, canvas)));
  canvases.forEach((canvas, i) => {
    tipCells(canvas, SIZE, SIZE, (row, column) => {
      return `filter ${i}, row ${row}, column ${column}: ${shown[(i * SIZE + row) * SIZE + column].toFixed(4)}`;
    });
  });
  const show = (filters: Float32Array) => {
    shown = filters as Float32Array<ArrayBuffer>;
    const scale = scaleOf(filters);
    canvases.forEach((canvas, i) => {
      paint(canvas, filters.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE), 'signed', scale);
    });
  };
  onThemeChange(() => show(shown));
  return show;
}
