// The drawing area: ink from mouse, pen or finger, an example that writes itself, or an image.

import { oncePerFrame, prefersStill } from '../../shared/dom.ts';
import type { Path } from '../strokes.ts';

/** Width of the pen, as a part of the canvas. */
const PEN = 0.085;
/** Milliseconds in which an example is written. */
const WRITING = 700;
/** The part of the canvas that an example fills. */
const FILLED = 0.66;
/** Pixels between the points of an example. */
const SPACING = 3;
/** The drawing area is a sheet of paper, also in the dark. */
const INK = '#1d1510';

type Point = readonly [x: number, y: number];

/** A canvas to draw on. */
export class Sketch {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #changed: () => void;
  /** Whether the next stroke starts on an empty canvas: what is there is no drawing of the user. */
  #fresh = true;
  /** Counts what replaces the drawing, so that an example being written stops. */
  #turn = 0;
  #last: Point | null = null;

  constructor(canvas: HTMLCanvasElement, onChange: () => void) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { willReadFrequently: true })!;
    this.#changed = oncePerFrame(onChange);
    canvas.addEventListener('pointerdown', (event) => this.#begin(event));
    canvas.addEventListener('pointermove', (event) => this.#go(event));
  }

  /** The pixels, in memory of their own. */
  pixels(): ImageData {
    return this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** Wipes everything. */
  clear(): void {
    this.#wipe();
    this.#changed();
  }

  /** Writes strokes, as a hand would where motion is welcome. */
  write(paths: readonly Path[]): void {
    this.#wipe();
    this.#fresh = true;
    const lines = this.#placed(paths);
    const total = lines.reduce((sum, line) => sum + line.length, 0);
    const turn = this.#turn;
    const start = performance.now();
    let written = 0;
    const frame = (now: number) => {
      if (turn !== this.#turn) return;
      const until = prefersStill() ? total : Math.min(total, Math.ceil((total * (now - start)) / WRITING));
      let skipped = 0;
      for (const line of lines) {
        const [from, to] = [Math.max(written - skipped, 0), Math.min(until - skipped, line.length)];
        for (let i = Math.max(from, 1); i < to; i++) this.#line(line[i - 1], line[i]);
        skipped += line.length;
      }
      written = until;
      this.#changed();
      if (written < total) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** Shows an image, whole, on paper of the colour of its border. */
  show(image: ImageBitmap): void {
    this.#wipe();
    this.#fresh = true;
    const { width, height } = this.#canvas;
    const scale = Math.min(width / image.width, height / image.height);
    const [w, h] = [Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale))];
    const [x, y] = [Math.round((width - w) / 2), Math.round((height - h) / 2)];
    this.#context.drawImage(image, x, y, w, h);
    const border = borderColor(this.#context.getImageData(x, y, w, h));
    if (border) {
      this.#context.globalCompositeOperation = 'destination-over';
      this.#context.fillStyle = border;
      this.#context.fillRect(0, 0, width, height);
      this.#context.globalCompositeOperation = 'source-over';
    }
    this.#changed();
  }

  #begin(event: PointerEvent): void {
    if (event.button !== 0) return;
    if (this.#fresh) this.#wipe();
    this.#fresh = false;
    this.#canvas.setPointerCapture(event.pointerId);
    const at = this.#placeOf(event);
    this.#last = at;
    this.#line(at, at);
    this.#changed();
  }

  #go(event: PointerEvent): void {
    if (!this.#last || !this.#canvas.hasPointerCapture(event.pointerId)) return;
    // A fast hand makes several moves between two frames.
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length > 0 ? moves : [event]) {
      const to = this.#placeOf(move);
      this.#line(this.#last, to);
      this.#last = to;
    }
    this.#changed();
  }

  #wipe(): void {
    this.#turn++;
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #line(from: Point, to: Point): void {
    const context = this.#context;
    context.strokeStyle = INK;
    context.lineWidth = PEN * this.#canvas.width;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }

  #placeOf({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [((clientX - left) / width) * this.#canvas.width, ((clientY - top) / height) * this.#canvas.height];
  }

  /** Strokes in the middle of the canvas, as points a few pixels apart. */
  #placed(paths: readonly Path[]): Point[][] {
    const xs = paths.flatMap((path) => path.filter((_, i) => i % 2 === 0));
    const ys = paths.flatMap((path) => path.filter((_, i) => i % 2 === 1));
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const scale = (FILLED * this.#canvas.width) / Math.max(right - left, bottom - top);
    const middle = this.#canvas.width / 2;
    const place = (x: number, y: number): Point => [
      middle + (x - (left + right) / 2) * scale,
      middle + (y - (top + bottom) / 2) * scale,
    ];
    return paths.map((path) => {
      const points: Point[] = [place(path[0], path[1])];
      for (let i = 2; i < path.length; i += 2) {
        const [from, to] = [points.at(-1)!, place(path[i], path[i + 1])];
        const pieces = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / SPACING) || 1;
        for (let k = 1; k <= pieces; k++) {
          points.push([from[0] + ((to[0] - from[0]) * k) / pieces, from[1] + ((to[1] - from[1]) * k) / pieces]);
        }
      }
      return points;
    });
  }
}

/** The mean colour of a picture's border; null where that is transparent. */
function borderColor({ data, width, height }: ImageData): string | null {
  const sums = [0, 0, 0, 0];
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x += y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1)) {
      for (let channel = 0; channel < 4; channel++) sums[channel] += data[4 * (y * width + x) + channel];
      count++;
    }
  }
  const [red, green, blue, alpha] = sums.map((sum) => Math.round(sum / count));
  return alpha < 128 ? null : `rgb(${red} ${green} ${blue})`;
}
