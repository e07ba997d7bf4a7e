// Reads class scores: which class is the likeliest, and how often that is right.

const CLASSES = 10;

/** The likeliest class of each row of `scores` [count, 10]. */
export function bestClasses(scores: ArrayLike<number>, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => {
    let best = 0;
    for (let c = 1; c < CLASSES; c++) if (scores[CLASSES * i + c] > scores[CLASSES * i + best]) best = c;
    return best;
  });
}

/** How many of `predicted` are as `labels` say. */
export const countRight = (predicted: Int32Array, labels: Int32Array): number =>
  predicted.reduce((right, digit, i) => right + Number(digit === labels[i]), 0);
