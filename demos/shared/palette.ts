// Numbers as colours, in the page's light or dark theme.

/** `ink`: 0 is paper, 1 is ink. `signed`: -1 and 1 are the two ends, 0 is the surface. */
export type Palette = 'ink' | 'signed';

const LEVELS = 256;
const EMPHASIS = 0.7;
const ENDS: Readonly<Record<Palette, readonly string[]>> = {
  ink: ['--map-paper', '--map-ink'],
  signed: ['--map-negative', '--map-zero', '--map-positive'],
};
const tables = new Map<Palette, Uint32Array>();
const repaints = new Set<() => void>();

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  tables.clear();
  for (const repaint of repaints) repaint();
});

/** Calls `repaint` when the theme has changed. */
export function onThemeChange(repaint: () => void): void {
  repaints.add(repaint);
}

/** The value of one of the theme's variables. */
export const themeColor = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Paints `values`, row by row, one a pixel, divided by `scale`. */
export function paint(canvas: HTMLCanvasElement, values: ArrayLike<number>, palette: Palette, scale = 1): void {
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const table = tableOf(palette);
  const [lowest, span] = palette === 'signed' ? [-1, 2] : [0, 1];
  for (let i = 0; i < pixels.length; i++) {
    const value = values[i] / scale;
    // Signed values are drawn a little stronger than they are: most are far below the largest, and still worth seeing.
    const shown = palette === 'signed' ? Math.sign(value) * Math.abs(value) ** EMPHASIS : value;
    const part = (shown - lowest) / span;
    pixels[i] = table[Math.round(Math.min(Math.max(part, 0), 1) * (LEVELS - 1))];
  }
  context.putImageData(image, 0, 0);
}

/** The largest absolute value, and never 0: what values are divided by to fill a palette. */
export function scaleOf(values: Float32Array): number {
  let largest = 1e-6;
  for (const value of values) if (Math.abs(value) > largest) largest = Math.abs(value);
  return largest;
}

function tableOf(palette: Palette): Uint32Array {
  const known = tables.get(palette);
  if (known) return known;
  const context = Object.assign(document.createElement('canvas'), { width: LEVELS, height: 1 }).getContext('2d')!;
  const gradient = context.createLinearGradient(0, 0, LEVELS, 0);
  ENDS[palette].forEach((name, i, all) => gradient.addColorStop(i / (all.length - 1), themeColor(name)));
  context.fillStyle = gradient;
  context.fillRect(0, 0, LEVELS, 1);
  const table = new Uint32Array(context.getImageData(0, 0, LEVELS, 1).data.buffer);
  tables.set(palette, table);
  return table;
}
