// Cross-entropy of class scores against class numbers, with softmax inside: one kernel forward, one backward.

import { crossEntropyGradKernel, crossEntropyKernel } from '../../shaders/cross-entropy.wgsl.ts';
import { LINEAR_WORKGROUP } from '../../shaders/lib/grid.wgsl.ts';
import { linearGrid } from '../core/kernel.ts';
import { applyOne, type CpuArray, type Op } from '../core/op.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import { fill, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { mul, sub } from './binary.ts';
import { reshape } from './reshape.ts';
import { mean, sum } from './reduce.ts';
import { softmax } from './softmax.ts';

function check([logits, labels]: readonly TensorSpec[]): void {
  if (
    logits.shape.length !== 2 ||
    logits.dtype !== 'f32' ||
    labels.dtype !== 'i32' ||
    formatShape(labels.shape) !== formatShape(logits.shape.slice(0, 1))
  ) {
    throw new Error(
      'crossEntropy: needs logits f32[N, C] and labels i32[N], but got ' +
        `${logits.dtype}${formatShape(logits.shape)} and ${labels.dtype}${formatShape(labels.shape)}.`,
    );
  }
}

/** Largest logit of a row and the sum of exponentials of the distances to it. */
function rowSums(logits: CpuArray, start: number, classes: number): [number, number] {
  let [largest, total] = [-Infinity, 0];
  for (let i = 0; i < classes; i++) largest = Math.max(largest, logits[start + i]);
  for (let i = 0; i < classes; i++) total += Math.exp(logits[start + i] - largest);
  return [largest, total];
}

/** The label of a row as the kernels use it: held inside the classes. */
const labelOf = (labels: CpuArray, row: number, classes: number) => Math.min(labels[row] >>> 0, classes - 1);

export const crossEntropyOp: Op = {
  name: 'crossEntropy',
  infer(inputs) {
    check(inputs);
    return [{ shape: inputs[1].shape, dtype: 'f32' }];
  },
  cpu({ inputs: [logits, labels], outputs: [loss], inputSpecs }) {
    const [rows, classes] = inputSpecs[0].shape;
    for (let row = 0; row < rows; row++) {
      const [largest, total] = rowSums(logits, row * classes, classes);
      loss[row] = Math.log(total) + (largest - logits[row * classes + labelOf(labels, row, classes)]);
    }
  },
  gpu({ inputs: [{ shape }] }) {
    const kernel = {
      name: 'crossEntropy.row',
      wgsl: crossEntropyKernel(shape[0], shape[1]),
      inputs: [{ name: 'logits', type: 'f32' } as const, { name: 'labels', type: 'i32' } as const],
      outputs: [{ name: 'loss', type: 'f32' } as const],
      workgroups: linearGrid(shape[0], LINEAR_WORKGROUP),
    };
    return [{ name: 'row', kernels: [kernel] }];
  },
  vjp: ({ inputs: [logits, labels], gradients: [g] }) => [applyOne(crossEntropyGradOp, [logits, labels, g!], {}), null],
  flops: ([logits]) => 4 * sizeOf(logits.shape),
};

export const crossEntropyGradOp: Op = {
  name: 'crossEntropyGrad',
  infer: ([logits]) => [{ shape: logits.shape, dtype: 'f32' }],
  cpu({ inputs: [logits, labels, g], outputs: [dlogits], inputSpecs }) {
    const [rows, classes] = inputSpecs[0].shape;
    for (let row = 0; row < rows; row++) {
      const [largest, total] = rowSums(logits, row * classes, classes);
      const label = labelOf(labels, row, classes);
      for (let i = 0; i < classes; i++) {
        const probability = Math.exp(logits[row * classes + i] - largest) / total;
        dlogits[row * classes + i] = g[row] * (probability - Number(i === label));
      }
    }
  },
  gpu({ inputs: [{ shape }] }) {
    const kernel = {
      name: 'crossEntropyGrad.row',
      wgsl: crossEntropyGradKernel(shape[0], shape[1]),
      inputs: [
        { name: 'logits', type: 'f32' } as const,
        { name: 'labels', type: 'i32' } as const,
        { name: 'g', type: 'f32' } as const,
      ],
      outputs: [{ name: 'dlogits', type: 'f32' } as const],
      workgroups: linearGrid(shape[0], LINEAR_WORKGROUP),
    };
    return [{ name: 'row', kernels: [kernel] }];
  },
  // With p = softmax(logits): d = g·(p − 1[label]), so the logits get p·(g·h − Σ p·g·h) and g gets Σ h·(p − 1[label]).
  vjp({ inputs: [logits, labels, g], gradients: [h] }) {
    const p = softmax(logits);
    const weighted = mul(h!, reshape(g, [-1, 1]));
    const forLogits = mul(p, sub(weighted, sum(mul(p, weighted), 1, true)));
    const unscaled = applyOne(crossEntropyGradOp, [logits, labels, fill(g.shape, 1)], {});
    return [forLogits, null, sum(mul(h!, unscaled), 1)];
  },
  flops: ([logits]) => 6 * sizeOf(logits.shape),
};

/**
 * −log softmax(logits)[label] for each row: logits f32[N, C], labels i32[N] of 0 … C-1 → f32 (mean over the rows), or
 * f32[N] with `reduction: 'none'`. The devices cannot report a label outside the classes: it counts as the last class.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, { reduction = 'mean' as 'mean' | 'none' } = {}): Tensor {
  const losses = applyOne(crossEntropyOp, [logits, labels], {});
  return reduction === 'mean' ? mean(losses) : losses;
}
