// Measures how compile time grows with the graph: plans training steps of deep networks, without a driver. Run: npx tsx tests/bench/compile-time.ts

import { setTimeout } from 'node:timers/promises';
import { grad } from '../../src/autograd/grad.ts';
import { nodeAdapter } from '../../src/backends/webgpu/adapter-node.ts';
import { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { Linear } from '../../src/nn/matmul/linear.ts';
import { mean, square, tanh } from '../../src/ops/index.ts';
import { AdamW } from '../../src/optim/adam.ts';
import { compile } from '../../src/runtime/compile.ts';
import { planOnly } from '../../src/runtime/plan-only.ts';

const DEPTHS = (process.argv[2] ?? '200,400,800,1600,3200').split(',').map(Number);
const ROUNDS = 3;
const WIDTH = 16;

const device = await WebGpuDevice.open((await nodeAdapter({ source: 'null' })).adapter);

/** CPU milliseconds to trace and plan a training step of `depth` layers of Linear and tanh with AdamW. */
async function milliseconds(depth: number): Promise<number> {
  const layers = Array.from({ length: depth }, () => new Linear(WIDTH, WIDTH));
  const optimizer = new AdamW(layers.flatMap((layer) => layer.parameters()));
  const step = ({ x }: Record<string, Tensor>) => {
    const loss = mean(square(layers.reduce((y, layer) => tanh(layer.forward(y)), x)));
    optimizer.step(grad(loss, optimizer.parameters));
    return loss;
  };
  const start = process.cpuUsage();
  await compile(planOnly(device), step, { x: spec([8, WIDTH]) });
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

await milliseconds(DEPTHS[0]); // warm-up
let before: number | null = null;
for (const depth of DEPTHS) {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    times.push(await milliseconds(depth));
    await setTimeout(0);
  }
  const best = Math.min(...times);
  console.log(
    `${depth} layers: ${best.toFixed(0)} ms${before === null ? '' : `, ${(best / before).toFixed(2)} times the line above`}`,
  );
  before = best;
}
device.destroy();
