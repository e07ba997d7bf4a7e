// Digits with what the network says they are, as a wall of small pictures.

import { element, picture } from '../../shared/dom.ts';
import { onThemeChange, paint } from '../../shared/palette.ts';
import { INPUT } from '../geometry.ts';
import type { Samples } from '../protocol.ts';

const MOST = 64;

/** Fills `root` with pictures. `caption` gives what stands below each sample; wrong ones are framed if `mark`. */
export function sampleWall(
  root: HTMLElement,
  mark: boolean,
  caption: (label: number, predicted: number) => string,
  empty: string,
): (samples: Samples | null) => void {
  const tiles: { figure: HTMLElement; canvas: HTMLCanvasElement; text: HTMLElement }[] = [];
  let shown: Samples | null = null;
  const tile = (i: number) => {
    if (!tiles[i]) {
      const canvas = picture(INPUT, INPUT, '');
      const text = element('figcaption');
      tiles[i] = { figure: element('figure', {}, canvas, text), canvas, text };
    }
    return tiles[i];
  };
  function show(samples: Samples | null): void {
    shown = samples;
    const count = Math.min(samples?.labels.length ?? 0, MOST);
    const figures = Array.from({ length: count }, (_, i) => {
      const { figure, canvas, text } = tile(i);
      const [label, predicted] = [samples!.labels[i], samples!.predicted[i]];
      paint(canvas, samples!.images.subarray(i * INPUT * INPUT, (i + 1) * INPUT * INPUT), 'ink');
      text.textContent = caption(label, predicted);
      figure.classList.toggle('wrong', mark && label !== predicted);
      figure.dataset.tip = `a ${label}, classified as ${predicted}`;
      canvas.ariaLabel = figure.dataset.tip;
      return figure;
    });
    root.replaceChildren(...(count > 0 ? figures : [element('p', { className: 'small muted', textContent: empty })]));
  }
  onThemeChange(() => show(shown));
  show(null);
  return show;
}
