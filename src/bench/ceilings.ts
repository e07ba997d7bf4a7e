// Measures the two ceilings of a device's roofline: bytes per second of a copy, operations per second of a multiply-add loop.

import { ceilingCopy, ceilingMultiplyAdd, OPERATIONS_PER_LINK } from '../../shaders/lib/ceilings.wgsl.ts';
import type { Device } from '../backends/device.ts';
import type { Kernel } from '../core/kernel.ts';
import { applyOne, type Op } from '../core/op.ts';
import type { Tensor } from '../core/tensor.ts';
import { measure, randomParameter } from './measure.ts';

/** The lines of a roofline chart. */
export interface Ceilings {
  readonly bytesPerSecond: number;
  readonly flopsPerSecond: number;
}

const op = <A extends object>(
  name: string,
  kernel: (vectors: number, attrs: A) => Kernel,
  cpu: Op<A>['cpu'],
): Op<A> => ({
  name,
  kind: 'kernels',
  infer: ([{ shape, dtype }]) => [{ shape, dtype }],
  cpu,
  gpu: ({ inputs: [x], attrs }) => [{ name, kernels: [kernel(x.shape[0] / 4, attrs)] }],
  vjp: 'none',
  onnx: { none: 'It is only a measurement.' },
});

const copyOp = op<object>('ceiling.copy', ceilingCopy, ({ inputs: [x], outputs: [y] }) => y.set(x));
const multiplyAddOp = op<{ links: number }>(
  'ceiling.multiplyAdd',
  (vectors, { links }) => ceilingMultiplyAdd(vectors, links),
  ({ inputs: [x], outputs: [y], attrs: { links } }) => {
    x.forEach((a, i) => {
      const chains = Array.from({ length: 8 }, (_, chain) => a + chain);
      for (let link = 0; link < links; link++) chains.forEach((c, at) => (chains[at] = c * (0.25 + a * 1e-3) + a));
      y[i] = chains.reduce((sum, c) => sum + c, 0);
    });
  },
);

/** Measures both ceilings, in about a second. */
export async function measureCeilings(device: Device): Promise<Ceilings> {
  // Larger than any cache on a GPU; smaller elsewhere to save time.
  const kind = !device.capabilities ? 'cpu' : device.capabilities.software ? 'software' : 'gpu';
  const { floats, threads, links } = {
    gpu: { floats: 2 ** 25, threads: 2 ** 18, links: 1024 },
    software: { floats: 2 ** 20, threads: 2 ** 14, links: 64 },
    cpu: { floats: 2 ** 16, threads: 2 ** 8, links: 16 },
  }[kind];
  const fastest = async (size: number, build: (x: Tensor) => Tensor) => {
    const x = randomParameter('x', [size]);
    const { milliseconds } = await measure(device, () => build(x), { seconds: 0.4 });
    return milliseconds / 1000;
  };
  const copySeconds = await fastest(floats, (x) => applyOne(copyOp, [x], {}));
  const loopSeconds = await fastest(4 * threads, (x) => applyOne(multiplyAddOp, [x], { links }));
  return {
    bytesPerSecond: (8 * floats) / copySeconds,
    flopsPerSecond: (threads * links * OPERATIONS_PER_LINK) / loopSeconds,
  };
}
