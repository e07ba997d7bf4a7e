// Language model loss on a text in nats per token, with each token scored once.

import type { Device } from '../backends/device.ts';
import { Scalar, spec, type TensorSpec } from '../core/tensor.ts';
import type { CausalModel } from '../generate/causal-model.ts';
import { disposeWithState } from '../generate/decoder.ts';
import { crossEntropy } from '../ops/losses/cross-entropy.ts';
import { reshape } from '../ops/movement/reshape.ts';
import { compile } from '../runtime/compile.ts';
import type { OnProgram } from '../runtime/profile.ts';

/** Options of a measurement. */
export interface MeasuringOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** Called with the program and its last inputs, for `--profile`. */
  readonly onProgram?: OnProgram;
  readonly signal?: AbortSignal;
}

export interface NatsOptions extends MeasuringOptions {
  /** Tokens per pass, at most the model's `maxPositions`. */
  readonly length: number;
  /**
   * Minimum context in tokens before each scored token, except at the start of the text (default half of `length`). A model
   * with `maxPositions` then needs a pass for every length - context tokens; a recurrent one reads only `context` more tokens
   * per row of a batch.
   */
  readonly context?: number;
  /** Passes in parallel (default 16). */
  readonly batchSize?: number;
}

/** What a pass reads and scores, by position in the text. */
interface Pass {
  readonly start: number;
  /** The first scored token, and the end (exclusive). */
  readonly from: number;
  readonly to: number;
}

/**
 * The mean of -log(probability) over all tokens of `ids` but the first, each given those before it. A model with
 * `maxPositions` sees windows of `length` that overlap by `context`; one without reads the text with its memory in
 * `batchSize` parts, each starting `context` tokens early. The sum is computed in float64 on the host.
 * @throws an Error for fewer than two tokens.
 */
export async function natsPerToken(
  device: Device,
  model: CausalModel,
  ids: Int32Array,
  { length, context = length >> 1, batchSize = 16, onProgress, onProgram, signal }: NatsOptions,
): Promise<{ readonly nats: number; readonly count: number }> {
  const scored = ids.length - 1;
  if (scored < 1) throw new Error(`natsPerToken: the text has ${ids.length} tokens, but at least two are needed.`);
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
      `natsPerToken: length must be an integer of at least 1 and context an integer from 0, below length if the model has positions; they are ${length} and ${context}.`,
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

/** Overlapping windows in batches; each scores the tokens that earlier ones did not. */
function windowsOf(scored: number, length: number, context: number, batchSize: number): Pass[][] {
  const rounds: Pass[][] = [];
  for (let from = 1, i = 0; from <= scored; i++) {
    // The last window ends with the text, so that all have the same length.
    const start = Math.max(0, Math.min(from === 1 ? 0 : from - 1 - context, scored - length));
    const to = Math.min(start + length, scored) + 1;
    if (i % batchSize === 0) rounds.push([]);
    rounds.at(-1)!.push({ start, from, to });
    from = to;
  }
  return rounds;
}

/** Parts of the text in parallel, each starting `context` tokens early, with `length` tokens per round. */
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
