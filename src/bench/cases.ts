// The benchmark's cases: kernels over a range of sizes, and training steps. Callers add cases of models.

import { grad } from '../autograd/grad.ts';
import type { Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import {
  add, cast, conv2d, convTranspose2d, crossEntropy, cumsum, gelu, layerNorm, lstm, matmul, max, mul, permute, relu,
  scaledDotProductAttention, softmax, sum,
} from '../ops/index.ts'; // prettier-ignore
import { AdamW } from '../optim/adam.ts';
import { randomParameter } from './measure.ts';

/** A computation to time. */
export interface BenchCase {
  /** Family and sizes, such as `matmul 1024x1024x1024`; the key for comparing reports. */
  readonly name: string;
  readonly group:
    | 'matrices'
    | 'convolutions'
    | 'rows'
    | 'elementwise'
    | 'attention'
    | 'recurrent'
    | 'training'
    | 'models';
  /** Whether it takes seconds on a software adapter. */
  readonly large?: boolean;
  readonly needsF16?: boolean;
  /** The op whose kernel variants are timed. */
  readonly op?: string;
  /** Makes the parameters and returns the function to trace and time. */
  build(): () => Tensor | Readonly<Record<string, Tensor>>;
}

const values = (...shapes: Shape[]) => shapes.map((shape, i) => randomParameter(`x${i}`, shape));

/** A case with one call. */
const call = (
  group: BenchCase['group'],
  name: string,
  shapes: readonly Shape[],
  compute: (...inputs: Tensor[]) => Tensor,
  more: Partial<BenchCase> = {},
): BenchCase => ({
  group,
  name,
  ...more,
  build() {
    const inputs = values(...shapes);
    return () => compute(...inputs);
  },
});

/** The case with the gradients of all inputs. */
const withGradients = (
  { name, ...one }: BenchCase,
  shapes: readonly Shape[],
  compute: (...inputs: Tensor[]) => Tensor,
): BenchCase => ({
  ...one,
  name: `${name} backward`,
  build() {
    const inputs = values(...shapes);
    return () => {
      const y = compute(...inputs);
      const weights = randomParameter('weights', y.shape);
      return Object.fromEntries(grad(sum(mul(y, weights)), inputs).map((gradient, i) => [`d${i}`, gradient]));
    };
  },
});

/** Two cases: forward, and forward with backward. */
const both = (...[group, name, shapes, compute, more]: Parameters<typeof call>): BenchCase[] => {
  const forward = call(group, name, shapes, compute, more);
  return [forward, withGradients(forward, shapes, compute)];
};

function matrices(): BenchCase[] {
  const product = (m: number, k: number, n: number, mode: string, dtype: 'f32' | 'f16' = 'f32'): BenchCase => {
    const [transposeA, transposeB] = [mode[0] === 'T', mode[1] === 'T'];
    const shapes = [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]];
    return {
      group: 'matrices',
      name: `matmul ${dtype === 'f16' ? 'f16 ' : ''}${m}x${k}x${n} ${mode}`,
      op: 'matmul',
      large: m * k * n > 2 ** 27,
      needsF16: dtype === 'f16',
      build() {
        const [a, b] = shapes.map((shape, i) => randomParameter(`x${i}`, shape, 1, 0, dtype));
        return () => matmul(a, b, { transposeA, transposeB });
      },
    };
  };
  return [
    ...[256, 512, 1024, 2048, 4096].map((size) => product(size, size, size, 'NN')),
    ...[512, 4096].map((size) => product(size, size, size, 'NN', 'f16')),
    product(512, 512, 512, 'NT'),
    product(512, 512, 512, 'TN'),
    product(8, 4096, 4096, 'NT'),
    product(256, 8192, 256, 'TN'),
    product(1, 4096, 4096, 'NN'),
    product(1, 4096, 4096, 'NT'),
    product(1, 4096, 4096, 'NT', 'f16'),
    product(100, 300, 77, 'NN'),
    call(
      'matrices',
      'matmul batch 12x128x64x128',
      [
        [12, 128, 64],
        [12, 64, 128],
      ],
      (a, b) => matmul(a, b),
      { op: 'matmul' },
    ),
  ];
}

function convolutions(): BenchCase[] {
  const layer = (n: number, c: number, size: number, o: number, k: number, stride: number, large = false) =>
    both(
      'convolutions',
      `conv2d ${n}x${c}x${size}x${size} ${o}x${k}x${k} stride ${stride}`,
      [
        [n, c, size, size],
        [o, c, k, k],
      ],
      (x, weight) => conv2d(x, weight, undefined, { stride, padding: k >> 1 }),
      { op: 'conv2d', large },
    );
  return [
    ...layer(64, 1, 32, 6, 5, 1),
    ...layer(1, 64, 56, 64, 3, 1),
    ...layer(8, 128, 16, 128, 3, 1),
    ...layer(32, 256, 28, 256, 3, 1, true),
    ...layer(1, 3, 224, 64, 11, 4),
    ...both(
      'convolutions',
      'convTranspose2d 16x128x16x16 64x4x4 stride 2',
      [
        [16, 128, 16, 16],
        [128, 64, 4, 4],
      ],
      (x, weight) => convTranspose2d(x, weight, undefined, { stride: 2, padding: 1 }),
    ),
  ];
}

const rows = (): BenchCase[] => [
  ...both('rows', 'softmax 1024x1024', [[1024, 1024]], (x) => softmax(x), { op: 'softmax' }),
  ...both('rows', 'layerNorm 1024x768', [[1024, 768], [768], [768]], (x, weight, bias) =>
    layerNorm(x, [768], { weight, bias }),
  ),
  call('rows', 'sum 1048576', [[1024, 1024]], (x) => sum(x), { op: 'sum' }),
  call('rows', 'max 1024x1024 columns', [[1024, 1024]], (x) => max(x, 0), { op: 'max' }),
  call('rows', 'cumsum 1024x1024', [[1024, 1024]], (x) => cumsum(x, 1)),
  {
    group: 'rows',
    name: 'crossEntropy 256x50257 backward',
    large: true,
    build() {
      const [logits, labels] = [
        randomParameter('logits', [256, 50257]),
        randomParameter('labels', [256], 25000, 25000),
      ];
      return () => ({ gradient: grad(crossEntropy(logits, cast(labels, 'i32')), [logits])[0] });
    },
  },
];

const elementwise = (): BenchCase[] => [
  call('elementwise', 'add 1048576', [[2 ** 20], [2 ** 20]], (a, b) => add(a, b)),
  call('elementwise', 'gelu 1048576', [[2 ** 20]], (x) => gelu(x)),
  call('elementwise', 'add 33554432', [[2 ** 25], [2 ** 25]], (a, b) => add(a, b), { large: true }),
  call('elementwise', 'transpose 1024x1024', [[1024, 1024]], (x) => permute(x, [1, 0])),
];

const attention = (): BenchCase[] => [
  ...both(
    'attention',
    'attention 1x12x128x64',
    Array(3).fill([1, 12, 128, 64]),
    (q, k, v) => scaledDotProductAttention(q, k, v),
    {
      op: 'attention',
    },
  ),
  ...both(
    'attention',
    'attention causal 4x12x1024x64',
    Array(3).fill([4, 12, 1024, 64]),
    (q, k, v) => scaledDotProductAttention(q, k, v, { isCausal: true }),
    {
      op: 'attention',
      large: true,
    },
  ),
];

const recurrent = (): BenchCase[] =>
  both(
    'recurrent',
    'lstm 64 steps 16x256',
    [[64, 16, 256], [1024, 256], [1024, 256], [1024]],
    (x, weightIh, weightHh, biasIh) => lstm(x, [{ weightIh, weightHh, biasIh }]).output,
  );

function training(): BenchCase[] {
  const mlp: BenchCase = {
    group: 'training',
    name: 'mlp 784-256-10 batch 128 AdamW',
    build() {
      const x = randomParameter('x', [128, 784]);
      const labels = randomParameter('labels', [128], 5, 5);
      const parameters = [[784, 256], [256], [256, 10], [10]].map((shape, i) => randomParameter(`p${i}`, shape, 0.05));
      const [w1, b1, w2, b2] = parameters;
      const optimizer = new AdamW(parameters);
      return () => {
        const loss = crossEntropy(add(matmul(relu(add(matmul(x, w1), b1)), w2), b2), cast(labels, 'i32'));
        optimizer.step(grad(loss, parameters));
        return { loss };
      };
    },
  };
  return [mlp];
}

/** All cases without models. */
export const benchCases = (): BenchCase[] => [
  ...matrices(),
  ...convolutions(),
  ...rows(),
  ...elementwise(),
  ...attention(),
  ...recurrent(),
  ...training(),
];

/**
 * The cases whose name or group matches the regular expression `pattern`.
 * @throws an Error that lists the groups, if the pattern is invalid or matches nothing.
 */
export function matchingCases(cases: readonly BenchCase[], pattern: string): BenchCase[] {
  const groups = `Groups: ${[...new Set(cases.map(({ group }) => group))].join(', ')}.`;
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch (cause) {
    throw new Error(`"${pattern}" is not a valid regular expression: ${(cause as Error).message}. ${groups}`, {
      cause,
    });
  }
  const found = cases.filter(({ name, group }) => expression.test(name) || expression.test(group));
  if (found.length === 0) throw new Error(`No case matches "${pattern}". ${groups} An example: ${cases[0].name}.`);
  return found;
}
