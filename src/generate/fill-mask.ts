// What a model like BERT puts in the place of masked tokens, ranked.

import type { Device } from '../backends/device.ts';
import { spec, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { topk } from '../ops/indexing/ordered.ts';
import { softmax } from '../ops/reductions/softmax.ts';
import { compile } from '../runtime/compile.ts';
import type { OnProgram } from '../runtime/profile.ts';
import type { Program } from '../runtime/program.ts';
import { encodeBatch } from '../text/encode-batch.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** A model that predicts masked tokens, with Hugging Face's names. */
export interface MaskedModel {
  /** The most tokens that it can see at once, special ones included. */
  readonly maxPositions: number;
  /**
   * Ids and token types i32 [B, T], bool mask [B, T] that is false at padding → scores [N, V] of the tokens at `positions`,
   * i32 [N], which count through [B, T].
   */
  forward(
    input: { readonly input_ids: Tensor; readonly token_type_ids?: Tensor; readonly attention_mask?: Tensor },
    positions: Tensor,
  ): { readonly prediction_logits: Tensor };
}

/** A token in the place of a mask. */
export interface Filling {
  readonly id: number;
  /** As the vocabulary spells it. */
  readonly token: string;
  readonly probability: number;
}

export interface FillMaskOptions {
  /** Fillings of each mask; 5 by default. */
  readonly top?: number;
  /** Is given the program with its inputs, for `--profile`. */
  readonly onProgram?: OnProgram;
}

type Specs = Readonly<Record<'ids' | 'tokenTypes' | 'mask' | 'positions', TensorSpec>>;

/** Lengths of texts and numbers of masks are filled up to multiples of these, so that few programs serve all. */
const [TOKENS, MASKS] = [16, 4];

/** Fills masks with a model on a device. Its programs stay for the next text; `dispose()` frees them. */
export class MaskFiller {
  readonly #device: Device;
  readonly #model: MaskedModel;
  readonly #tokenizer: Tokenizer;
  readonly #mask: number;
  readonly #programs = new Map<string, Promise<Program<Specs, { values: Tensor; indices: Tensor }>>>();

  constructor(device: Device, model: MaskedModel, tokenizer: Tokenizer) {
    const { mask } = tokenizer.special;
    if (mask === undefined) throw new Error('MaskFiller: the vocabulary has no mask token, such as [MASK].');
    this.#device = device;
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#mask = mask;
  }

  /**
   * The likeliest tokens at each mask of `text`, or of a pair of texts: a list for each mask, in their order, the likeliest
   * first. Each mask is filled by itself. Throws for a text without a mask, and for one that is longer than the model reads.
   */
  async fill(
    text: string | readonly [string, string],
    { top = 5, onProgram }: FillMaskOptions = {},
  ): Promise<Filling[][]> {
    const name = this.#tokenizer.token(this.#mask);
    const { maxPositions } = this.#model;
    const whole = encodeBatch(this.#tokenizer, [text]);
    const places = [...whole.ids.keys()].filter((place) => whole.ids[place] === this.#mask);
    if (places.length === 0)
      throw new Error(`fill: the text has no ${name}; write it where a token is to be filled in.`);
    const [length] = whole.lengths;
    if (length > maxPositions)
      throw new Error(`fill: the text has ${length} tokens, but the model reads ${maxPositions}; cut it.`);
    if (!(Number.isInteger(top) && top >= 1 && top <= this.#tokenizer.vocabularySize)) {
      throw new Error(`fill: top must be an integer from 1 to ${this.#tokenizer.vocabularySize}, but is ${top}.`);
    }
    const isPadded = this.#tokenizer.special.pad !== undefined;
    const padTo = isPadded ? Math.min(maxPositions, TOKENS * Math.ceil(length / TOKENS)) : length;
    const { ids, tokenTypes, mask } = encodeBatch(this.#tokenizer, [text], { padTo });
    const positions = new Int32Array(MASKS * Math.ceil(places.length / MASKS));
    positions.set(places);
    const inputs = { ids, tokenTypes, mask, positions };
    const program = await this.#programFor(padTo, positions.length, top);
    const { values, indices } = await program.run(inputs);
    await onProgram?.(program, inputs, 'fill masks');
    return places.map((_, i) =>
      Array.from({ length: top }, (__, rank) => {
        const id = indices.data[i * top + rank];
        return { id, token: this.#tokenizer.token(id), probability: values.data[i * top + rank] };
      }),
    );
  }

  #programFor(length: number, masks: number, top: number) {
    const key = [length, masks, top].join();
    const made = this.#programs.get(key);
    if (made) return made;
    const row = spec([1, length], 'i32');
    const specs = { ids: row, tokenTypes: row, mask: spec([1, length], 'bool'), positions: spec([masks], 'i32') };
    const program = compile(
      this.#device,
      ({ ids, tokenTypes, mask, positions }) => {
        const input = { input_ids: ids, token_type_ids: tokenTypes, attention_mask: mask };
        const { prediction_logits: logits } = this.#model.forward(input, positions); // [N, V]
        const { values, indices } = topk(softmax(logits), top); // [N, top]
        return { values, indices };
      },
      specs,
    );
    this.#programs.set(key, program);
    // The next text tries again.
    program.catch(() => this.#programs.delete(key));
    return program;
  }

  /** Frees the programs. The model stays usable. */
  dispose(): void {
    for (const program of this.#programs.values()) void program.then((one) => one.dispose(), () => {}); // prettier-ignore
    this.#programs.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** `MaskFiller.fill` for one text. */
export async function fillMask(
  device: Device,
  model: MaskedModel,
  tokenizer: Tokenizer,
  text: string | readonly [string, string],
  options?: FillMaskOptions,
): Promise<Filling[][]> {
  using filler = new MaskFiller(device, model, tokenizer);
  return await filler.fill(text, options);
}
