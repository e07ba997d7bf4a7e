// How well a language model of characters predicts a text: nats a character, given what came before.

import {
  compile, crossEntropy, reshape, spec, type CausalModel, type Module, type Program, type Tensor, type TensorSpec, type TypedArray,
} from '../../src/index.ts'; // prettier-ignore
import type { EvaluationWork } from '../entry.ts';

/** A language model that can be decoded from. */
export type CharacterModel = Module & CausalModel;

/** Rows of one run. */
const ROWS = 32;
/** Characters of a row, for models without a longest text. */
const LENGTH = 128;
/** Marks places that do not count. */
const IGNORED = -1;

type Batch = Readonly<Record<string, TypedArray>>;

/** Nats a character over all of `ids` but the first, which nothing precedes. */
export async function natsPerCharacter(model: CharacterModel, ids: Int32Array, work: EvaluationWork): Promise<number> {
  if (ids.length < 2)
    throw new Error('The text that is held out is too short to be measured: it needs two characters.');
  return model.maxPositions === undefined
    ? inStreams(model, ids, work)
    : inWindows(model, ids, model.maxPositions, work);
}

/** Sum of the losses of all places that count. */
function lossOf(logits: Tensor, next: Tensor): Tensor {
  const rows = reshape(logits, [next.size, -1]); // [B · T, V]
  return crossEntropy(rows, reshape(next, [next.size]), { ignoreIndex: IGNORED, reduction: 'sum' });
}

async function total(
  program: Program<Readonly<Record<string, TensorSpec>>, Tensor>,
  batches: readonly (() => Batch)[],
  { onProgress, onProgram }: EvaluationWork,
  count: number,
): Promise<number> {
  let sum = 0;
  for (const [i, batch] of batches.entries()) {
    sum += (await program.run(batch())).data[0];
    onProgress?.(Math.round(((i + 1) / batches.length) * count), count);
  }
  await onProgram?.(program, batches[0](), 'a batch');
  return sum / count;
}

/** A model that remembers any length reads the text as several streams side by side, each from its start to its end. */
async function inStreams(model: CharacterModel, ids: Int32Array, work: EvaluationWork): Promise<number> {
  const count = ids.length - 1;
  const rows = Math.min(ROWS, count);
  const stream = Math.ceil(count / rows);
  const length = Math.min(LENGTH, stream);
  const memory = model.memory(rows, stream);
  const shape = spec([rows, length], 'i32');
  using program = await compile(
    work.device,
    (inputs) => lossOf(model.forward(inputs.ids, { memory, position: inputs.position }), inputs.next),
    { ids: shape, next: shape, position: spec([], 'i32') },
  );
  const batches = Array.from({ length: Math.ceil(stream / length) }, (_, part) => () => {
    const batch = { ids: new Int32Array(rows * length), next: new Int32Array(rows * length).fill(IGNORED) };
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < length; i++) {
        const place = part * length + i;
        const at = row * stream + place;
        if (place >= stream || at >= count) break;
        batch.ids[row * length + i] = ids[at];
        batch.next[row * length + i] = ids[at + 1];
      }
    }
    return { ...batch, position: Int32Array.of(part * length) };
  });
  return await total(program, batches, work, count);
}

/** A model of a longest text reads windows that overlap by half, and counts the half that has one before it. */
async function inWindows(
  model: CharacterModel,
  ids: Int32Array,
  longest: number,
  work: EvaluationWork,
): Promise<number> {
  const count = ids.length - 1;
  const length = Math.min(longest, count);
  // While training the windows lie end to end: what matters is which weights are better.
  const stride = work.quick ? length : Math.max(1, length >> 1);
  const starts: number[] = [];
  for (let start = 0; starts.length === 0 || start + length - stride < count; start += stride) starts.push(start);
  const rows = Math.min(ROWS, starts.length);
  const shape = spec([rows, length], 'i32');
  using program = await compile(work.device, (inputs) => lossOf(model.forward(inputs.ids), inputs.next), {
    ids: shape,
    next: shape,
  });
  const batches = Array.from({ length: Math.ceil(starts.length / rows) }, (_, part) => () => {
    const batch = { ids: new Int32Array(rows * length), next: new Int32Array(rows * length).fill(IGNORED) };
    for (let row = 0; row < rows; row++) {
      const start = starts[part * rows + row];
      if (start === undefined) break;
      const counted = start === 0 ? 0 : length - stride;
      for (let i = 0; i < length && start + i < count; i++) {
        batch.ids[row * length + i] = ids[start + i];
        if (i >= counted) batch.next[row * length + i] = ids[start + i + 1];
      }
    }
    return batch;
  });
  return await total(program, batches, work, count);
}
