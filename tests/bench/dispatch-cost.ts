// Measures the host's cost per replayed dispatch on Dawn without a driver, so that nothing is computed. Run: npx tsx tests/bench/dispatch-cost.ts

import { nodeAdapter } from '../../src/backends/webgpu/adapter-node.ts';
import { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { softmax } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';

const DISPATCHES = 1000;
const ROUNDS = 200;

const device = await WebGpuDevice.open((await nodeAdapter({ source: 'null' })).adapter);
const chain = ({ x }: Record<string, Tensor>) => {
  let y = x;
  for (let i = 0; i < DISPATCHES; i++) y = softmax(y, i % 2);
  return y;
};
const program = await compile(device, chain, { x: spec([32, 32]) });
const inputs = { x: new Float32Array(1024) };
const times: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const start = performance.now();
  await program.enqueue(inputs);
  times.push(((performance.now() - start) * 1000) / DISPATCHES);
}
times.sort((a, b) => a - b);
const [best, median] = [times[0], times[ROUNDS / 2]];
console.log(
  `${DISPATCHES} dispatches a run: ${median.toFixed(2)} µs each (median of ${ROUNDS} runs; best ${best.toFixed(2)})`,
);
program.dispose();
device.destroy();
