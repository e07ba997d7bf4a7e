// A running mean of a model's weights, which often performs better than the weights themselves.

import type { TensorData } from '../core/dtype.ts';
import { Buffer, type Parameter } from '../core/parameter.ts';
import { Scalar } from '../core/tensor.ts';
import { assign, latest } from '../core/trace.ts';
import { add, mul, sub } from '../ops/elementwise/binary.ts';

/**
 * An exponential moving average of parameters, as torch.optim.swa_utils.AveragedModel with an EMA: what GANs and diffusion
 * models are evaluated with. Untrained state, such as running statistics and counters, is copied.
 */
export class WeightAverage {
  /** Fraction of the mean that is kept at each step. */
  readonly decay: Scalar;
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #shadows = new Map<string, Parameter>();

  /** Starts from the values that `state`, a model's `state()`, has when the mean is first updated or read. */
  constructor(state: ReadonlyMap<string, Parameter>, { decay = 0.999 }: { readonly decay?: number } = {}) {
    this.decay = new Scalar('averageDecay', decay);
    this.#parameters = state;
    for (const [name, parameter] of state) {
      const { shape, dtype } = parameter;
      const draw = async () => (await parameter.read()).data;
      this.#shadows.set(name, new Buffer({ shape, dtype, draw }, { name }));
    }
  }

  /** Records one update of the mean, by the parameters' next values. Call it inside compile(), after optimizer.step(). */
  update(): void {
    for (const [name, shadow] of this.#shadows) {
      const parameter = this.#parameters.get(name)!;
      const next = latest(parameter);
      const averaged = !(parameter instanceof Buffer);
      assign(shadow, averaged ? add(mul(shadow, this.decay), mul(next, sub(1, this.decay))) : next);
    }
  }

  /** Whether any of `parameters` is averaged here. */
  follows(parameters: readonly Parameter[]): boolean {
    const averaged = new Set(this.#parameters.values());
    return parameters.some((parameter) => averaged.has(parameter));
  }

  /** The mean by the model's names, for checkpoints. */
  state(): ReadonlyMap<string, Parameter> {
    return this.#shadows;
  }

  /** The mean's values by the model's names, as `loadStateDict` takes them. */
  async stateDict(): Promise<Map<string, TensorData>> {
    const entries = [...this.#shadows].map(async ([name, shadow]) => [name, await shadow.read()] as const);
    return new Map(await Promise.all(entries));
  }

  /** Runs `work`, such as an evaluation, with the mean in the model; the model's own values are restored even if it throws. */
  async whileSwapped<T>(work: () => Promise<T>): Promise<T> {
    await this.swap();
    try {
      return await work();
    } finally {
      await this.swap();
    }
  }

  /** Exchanges the model's values with the mean's; a second call restores both. */
  async swap(): Promise<void> {
    const pairs = [...this.#shadows].map(([name, shadow]) => [this.#parameters.get(name)!, shadow] as const);
    const values = await Promise.all(pairs.map(([a, b]) => Promise.all([a.read(), b.read()])));
    pairs.forEach(([parameter, shadow], i) => {
      parameter.write(values[i][1]);
      shadow.write(values[i][0]);
    });
  }
}
