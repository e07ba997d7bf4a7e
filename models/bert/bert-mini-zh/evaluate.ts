// How BERT is evaluated: one masked character per window, and whether the second half of the window follows the first.

import {
  argmax,
  compile,
  NeighbourCounts,
  RandomSource,
  spec,
  type CharTokenizer,
  type Split,
} from '../../../src/index.ts';
import type { EvaluationData, EvaluationWork } from '../../entry.ts';
import { encodeChapters } from './chapters.ts';
import { specialTokens } from './data.ts';
import type { BertForPreTraining } from './model.ts';

const [, , CLS, SEP, MASK] = specialTokens.keys();
/** Windows per batch. */
const ROWS = 32;
/** At most this many windows, and during training. */
const WINDOWS = 10_000;
const QUICK = 1000;
/** The windows are always the same. */
const SEED = 4711;

/** Held-out chapters to evaluate on. */
export function evaluationData(
  model: BertForPreTraining,
  chapters: Split<string[]>,
  tokenizer: CharTokenizer,
): EvaluationData {
  const length = model.config.max_position_embeddings;
  const places = length - 3;
  const texts = encodeChapters(chapters.heldOut, tokenizer, places);
  const starts = texts.map((text) => text.length - places + 1);
  const count = Math.min(
    WINDOWS,
    starts.reduce((sum, n) => sum + n, 0),
  );
  return {
    count,
    measure: (work) => measure(model, texts, length, work.quick ? Math.min(QUICK, count) : count, work),
    async baselines() {
      const encode = (text: string) => tokenizer.encode(text);
      const baseline = NeighbourCounts.fit(chapters.train.map(encode), tokenizer.vocabularySize);
      return { neighbour_counts: { masked_accuracy: baseline.accuracy(chapters.heldOut.map(encode)) } };
    },
  };
}

/** A window, `[CLS] first [SEP] second [SEP]`. */
interface Window {
  readonly ids: Int32Array;
  /** The masked position, and the id that was there. */
  readonly position: number;
  readonly label: number;
  /** 0: the second segment follows; 1: it comes from elsewhere. */
  readonly follows: number;
}

/** `count` windows spread evenly over the texts; every other one has a random second segment. */
function* windowsOf(texts: readonly Int32Array[], length: number, count: number): Generator<Window, void, undefined> {
  const [first, places] = [(length - 3) >> 1, length - 3];
  const starts = texts.map((text) => text.length - places + 1);
  const total = starts.reduce((sum, n) => sum + n, 0);
  const random = new RandomSource(SEED);
  const windowAt = (place: number) => {
    const text = starts.findIndex((here) => (place -= here) < 0);
    return texts[text].subarray(place + starts[text], place + starts[text] + places);
  };
  for (let i = 0; i < count; i++) {
    const window = windowAt(Math.floor(((i + random.uniform()) * total) / count));
    const follows = i % 2;
    const other = follows ? windowAt(random.integer(total)) : window;
    const ids = Int32Array.of(CLS, ...window.subarray(0, first), SEP, ...other.subarray(first), SEP);
    const place = random.integer(places);
    const position = place < first ? place + 1 : place + 2; // after [CLS]; after [CLS] and [SEP]
    const label = ids[position];
    ids[position] = MASK;
    yield { ids, position, label, follows };
  }
}

async function measure(
  model: BertForPreTraining,
  texts: readonly Int32Array[],
  length: number,
  count: number,
  { device, onProgress, onProgram }: EvaluationWork,
): Promise<Record<string, number>> {
  const first = (length - 3) >> 1;
  const shape = spec([ROWS, length], 'i32');
  using program = await compile(
    device,
    ({ input_ids, token_type_ids, positions }) => {
      const outputs = model.forward({ input_ids, token_type_ids }, positions);
      return { token: argmax(outputs.prediction_logits, 1), follows: argmax(outputs.seq_relationship_logits, 1) };
    },
    { input_ids: shape, token_type_ids: shape, positions: spec([ROWS], 'i32') },
  );
  const segments = Int32Array.from({ length: ROWS * length }, (_, i) => Number(i % length >= first + 2));
  const windows = [...windowsOf(texts, length, count)];
  const correct = { tokens: 0, follows: [0, 0] };
  const seen = [0, 0];
  const inputs = {
    input_ids: new Int32Array(ROWS * length),
    token_type_ids: segments,
    positions: new Int32Array(ROWS),
  };
  for (let from = 0; from < count; from += ROWS) {
    const batch = windows.slice(from, from + ROWS);
    batch.forEach(({ ids, position }, row) => {
      inputs.input_ids.set(ids, row * length);
      inputs.positions[row] = row * length + position;
    });
    const { token, follows } = await program.run(inputs);
    batch.forEach((window, row) => {
      seen[window.follows]++;
      if (token.data[row] === window.label) correct.tokens++;
      if (follows.data[row] === window.follows) correct.follows[window.follows]++;
    });
    onProgress?.(from + batch.length, count);
  }
  await onProgram?.(program, inputs, 'a batch');
  const shares = correct.follows.map((right, kind) => right / Math.max(1, seen[kind]));
  return { masked_accuracy: correct.tokens / count, next_sentence_accuracy: (shares[0] + shares[1]) / 2 };
}
