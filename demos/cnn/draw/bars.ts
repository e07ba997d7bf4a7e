// Bars: the ten probabilities, and the signed values of layers that keep no places.

import { byId, element } from '../../shared/dom.ts';

/** The share `value` in per cent, as precise as a reader wants it. */
export const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

/** Shows the probability of each digit and the likeliest one. */
export function probabilityBars(): (probabilities: Float32Array | null, hint: string) => void {
  const [list, best, certainty] = [byId('probabilities'), byId('best'), byId('certainty')];
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const fill = element('span', { className: 'fill' });
    const value = element('span', { className: 'value' });
    const row = element(
      'li',
      {},
      element('b', { textContent: String(digit) }),
      element('span', { className: 'track' }, fill),
      value,
    );
    list.append(row);
    return { row, fill, value };
  });
  return (probabilities, hint) => {
    const likeliest = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    rows.forEach(({ row, fill, value }, digit) => {
      const share = probabilities?.[digit] ?? 0;
      fill.style.transform = `scaleX(${share})`;
      value.textContent = probabilities ? percent(share) : '';
      row.classList.toggle('best', digit === likeliest);
      row.dataset.tip = probabilities ? `P(${digit}) = ${share.toPrecision(6)}` : '';
    });
    best.textContent = likeliest < 0 ? '–' : String(likeliest);
    certainty.textContent = probabilities ? `with ${percent(probabilities[likeliest])}` : hint;
  };
}

/** A row of `count` signed bars around a middle line, and what fills it. */
export function signedBars(count: number, name: string): { root: HTMLElement; show: (values: Float32Array) => void } {
  const bars = Array.from({ length: count }, () => element('i'));
  const root = element('div', { className: 'signed-bars' }, ...bars.map((bar) => element('span', {}, bar)));
  // Many units have no names; ten are the digits.
  if (count === 10) root.classList.add('numbered');
  root.role = 'img';
  return {
    root,
    show(values) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
      bars.forEach((bar, i) => {
        bar.style.transform = `scaleY(${-values[i] / largest})`;
        bar.classList.toggle('negative', values[i] < 0);
        bar.parentElement!.dataset.tip = `${name} ${i}: ${values[i].toPrecision(4)}`;
      });
      root.ariaLabel = `${name}: ${count} values up to ${largest.toPrecision(3)}`;
    },
  };
}
