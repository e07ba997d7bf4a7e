// How well a language model predicts a text: nats a token, each token scored once.

import type { Device } from '../backends/device.ts';
import { Scalar, spec, type TensorSpec } from '../core/tensor.ts';
import type { CausalModel } from '../generate/causal-model.ts';
import { disposeWithState } from '../generate/decoder.ts';
import { crossEntropy } from '../ops/losses/cross-entropy.ts';
import { reshape } from '../ops/movement/reshape.ts';
import { compile } from '../runtime/compile.ts';
import type { OnProgram } from '../runtime/profile.ts';

/** How a measurement is run and watched. */
export interface MeasuringOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** Is given the program with its last inputs, for `--profile`. */
  readonly onProgram?: OnProgram;
  readonly signal?: AbortSignal;
}

export interface NatsOptions extends MeasuringOptions {
  /** Tokens of a pass. A model with positions sees so many at most. */
  readonly length: number;
  /**
   * The fewest tokens before a scored one that the model has seen, but at the start of the text. Half of `length` by default.
   * It costs a model with positions a pass for every length - context tokens; a recurrent one reads only so many more for
   * each row of a batch.
   */
  readonly context?: number;
  /** Passes at a time; 16 by default. */
  readonly batchSize?: number;
}

/** What the passes of one row of a batch read and score: tokens by their place in the text. */
interface Pass {
  readonly start: number;
  /** The first scored token, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

/**
 * The mean of -log(probability) of the tokens of `ids` but the first, each given those before it. A model with `maxPositions`
 * sees windows of `length` that overlap by `context`; one without reads the text in `batchSize` parts, each from `context`
 * tokens before it on, with its memory. The sum is made in float64 on the host. Throws where the text has fewer than two
 * tokens.
 */
export async function natsPerToken(
  device: Device,
  model: CausalModel,
  ids: Int32Array,
  { length, context = length >> 1, batchSize = 16, onProgress, onProgram, signal }: NatsOptions,
): Promise<{ readonly nats: number; readonly count: number }> {
  const scored = ids.length - 1;
  if (scored < 1)
    throw new Error(`natsPerToken: the text has ${ids.length} tokens; two are needed, to predict the second.`);
  if (length > (model.maxPositions ?? Infinity)) throw new Error(`natsPerToken: length is ${length}, but the model has ${model.maxPositions} positions.`); // prettier-ignore
  if (
    !(
      Number.isInteger(length) &&
      length >= 1 &&
      Number.isInteger(context) &&
      context >= 0 &&
      (context < length || !model.maxPositions)
    )
  ) {
    throw new Error(
      `natsPerToken: length must be an integer of at least 1 and context one below it, but they are ${length} and ${context}.`,
    );
  }
  const isRecurrent = model.maxPositions === undefined;
  const rounds = isRecurrent
    ? partsOf(scored, length, context, batchSize)
    : windowsOf(scored, length, context, batchSize);
  const [rows, width] = [
    Math.min(batchSize, Math.max(...rounds.map((round) => round.length))),
    Math.min(length, scored),
  ];
  const memory = isRecurrent ? model.memory(rows, Infinity) : undefined;
  const position = new Scalar('position', 0, 'i32');
  const shape: TensorSpec = spec([rows, width], 'i32');
  const program = await compile(
    device,
    ({ ids: read, next }) => {
      const logits = model.forward(read, isRecurrent ? { memory, position } : {}); // [B, T, V]
      return crossEntropy(reshape(logits, [rows * width, logits.shape[2]]), reshape(next, [rows * width]), {
        reduction: 'none',
      });
    },
    { ids: shape, next: shape },
  );
  let [sum, count] = [0, 0];
  try {
    let inputs = { ids: new Int32Array(0), next: new Int32Array(0) };
    for (const [at, round] of rounds.entries()) {
      signal?.throwIfAborted();
      inputs = { ids: new Int32Array(rows * width), next: new Int32Array(rows * width) };
      for (const [row, { start }] of round.entries()) {
        inputs.ids.set(ids.subarray(start, Math.min(start + width, scored)), row * width);
        inputs.next.set(ids.subarray(start + 1, start + width + 1), row * width);
      }
      position.value = isRecurrent ? at * length : 0;
      const { data } = await program.run(inputs);
      for (const [row, { start, from, to }] of round.entries()) {
        for (let token = Math.max(from, start + 1); token < Math.min(to, start + width + 1); token++, count++) {
          sum += data[row * width + token - start - 1];
        }
      }
      onProgress?.(at + 1, rounds.length);
    }
    await onProgram?.(program, inputs, 'nats per token');
  } finally {
    disposeWithState(program);
  }
  return { nats: sum / count, count };
}

/** Windows that overlap, in batches: of each, what was not scored before. */
function windowsOf(scored: number, length: number, context: number, batchSize: number): Pass[][] {
  const rounds: Pass[][] = [];
  for (let from = 1, i = 0; from <= scored; i++) {
    // The last window ends with the text, so that all have one length.
    const start = Math.max(0, Math.min(from === 1 ? 0 : from - 1 - context, scored - length));
    const to = Math.min(start + length, scored) + 1;
    if (i % batchSize === 0) rounds.push([]);
    rounds.at(-1)!.push({ start, from, to });
    from = to;
  }
  return rounds;
}

/** Parts of the text side by side, each read from `context` tokens before it on, `length` tokens a round. */
function partsOf(scored: number, length: number, context: number, batchSize: number): Pass[][] {
  const part = Math.ceil(scored / Math.min(batchSize, Math.ceil(scored / length)));
  const parts = Array.from({ length: Math.ceil(scored / part) }, (_, i) => ({
    start: Math.max(0, i * part - context),
    from: 1 + i * part,
    to: 1 + Math.min(scored, (i + 1) * part),
  }));
  const rounds = Math.ceil((part + context) / length);
  return Array.from({ length: rounds }, (_, round) =>
    parts.map((one) => ({ ...one, start: one.start + round * length })),
  );
}
