// Resizes a greyscale image: area averaging to shrink, linear interpolation to enlarge.

/** A rectangle in an image, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The weights (with sum 1) of the source pixels of one output pixel, from `first` on. */
interface Taps {
  readonly first: number;
  readonly shares: readonly number[];
}

/** Resizes the part `box` of an image with `stride` pixels per row to `[height, width]`. */
export function resizeGrey(grey: Float32Array, stride: number, box: Box, width: number, height: number): Float32Array {
  const across = taps(box.width, width);
  const down = taps(box.height, height);
  const narrow = new Float32Array(box.height * width);
  for (let y = 0; y < box.height; y++) {
    const row = (box.top + y) * stride + box.left;
    across.forEach(({ first, shares }, x) => {
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * grey[row + first + k];
      narrow[y * width + x] = sum;
    });
  }
  const result = new Float32Array(height * width);
  down.forEach(({ first, shares }, y) => {
    for (let k = 0; k < shares.length; k++) {
      for (let x = 0; x < width; x++) result[y * width + x] += shares[k] * narrow[(first + k) * width + x];
    }
  });
  return result;
}

function taps(from: number, to: number): Taps[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    if (step < 1) {
      const at = Math.min(Math.max((i + 0.5) * step - 0.5, 0), from - 1);
      const first = Math.floor(at);
      return { first, shares: at === first ? [1] : [1 - (at - first), at - first] };
    }
    const [begin, end] = [i * step, (i + 1) * step];
    const first = Math.floor(begin);
    // Rounding may put the last end slightly past the last pixel.
    const last = Math.min(Math.ceil(end), from);
    const shares = Array.from({ length: last - first }, (__, k) => {
      return (Math.min(first + k + 1, end) - Math.max(first + k, begin)) / step;
    });
    return { first, shares };
  });
}
