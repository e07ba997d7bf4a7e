// Softmax and negative log likelihood in one read of the logits: forward, and the gradient of the logits.
//
// Thread map: one thread a row, three passes over its classes. No barrier; rows of a batch are the parallelism.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';

/** Leaves the row's largest logit in \`largest\` and the sum of exponentials of the distances to it in \`total\`. */
const rowSums = (classes: number) => wgsl`
  let start = index * ${classes}u;
  var largest = logits[start];
  for (var i = 1u; i < ${classes}u; i++) { largest = max(largest, logits[start + i]); }
  var total = 0.0;
  for (var i = 0u; i < ${classes}u; i++) { total += exp(logits[start + i] - largest); }
`;

export const crossEntropyKernel = (rows: number, classes: number): string => wgsl`
${linearMain(rows)}
  ${rowSums(classes)}
  let label = min(u32(labels[index]), ${classes - 1}u);
  // The distance first: beside a large logit the logarithm would be rounded away.
  loss[index] = log(total) + (largest - logits[start + label]);
}
`;

export const crossEntropyGradKernel = (rows: number, classes: number): string => wgsl`
${linearMain(rows)}
  ${rowSums(classes)}
  let label = min(u32(labels[index]), ${classes - 1}u);
  let scale = g[index] / total;
  for (var i = 0u; i < ${classes}u; i++) {
    dlogits[start + i] = exp(logits[start + i] - largest) * scale - select(0.0, g[index], i == label);
  }
}
`;
