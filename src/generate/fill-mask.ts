// Ranks a masked language model's predictions for masked tokens.

import type { Device } from '../backends/device.ts';
import { spec, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { topk } from '../ops/indexing/ordered.ts';
import { softmax } from '../ops/reductions/softmax.ts';
import { compile } from '../runtime/compile.ts';
import type { OnProgram } from '../runtime/profile.ts';
import type { Program } from '../runtime/program.ts';
import { encodeBatch } from '../text/encode-batch.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** A masked language model, with Hugging Face's names. */
export interface MaskedModel {
  /** Maximum number of tokens, including special ones. */
  readonly maxPositions: number;
  /**
   * Ids and token types i32 [B, T], bool mask [B, T] that is false at padding → logits [N, V] at `positions`, i32 [N], which are
   * indices into the flattened [B, T].
   */
  forward(
    input: { readonly input_ids: Tensor; readonly token_type_ids?: Tensor; readonly attention_mask?: Tensor },
    positions: Tensor,
  ): { readonly prediction_logits: Tensor };
}

/** A predicted token for a mask. */
export interface Filling {
  readonly id: number;
  /** As spelled in the vocabulary. */
  readonly token: string;
  readonly probability: number;
}

export interface FillMaskOptions {
  /** Predictions per mask (default 5). */
  readonly top?: number;
  /** Called with the program and its inputs, for `--profile`. */
  readonly onProgram?: OnProgram;
}

type Specs = Readonly<Record<'ids' | 'tokenTypes' | 'mask' | 'positions', TensorSpec>>;

/** Text lengths and mask counts are padded to multiples of these, so that few programs serve all. */
const [TOKENS, MASKS] = [16, 4];

/** Fills masks with a model on a device. Programs are reused for the next text; `dispose()` frees them. */
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
   * The most likely tokens for each mask of `text`, or of a pair of texts: one list per mask in text order, most likely first.
   * Masks are predicted independently.
   * @throws an Error for a text without a mask, or longer than the model's maximum.
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
      throw new Error(`fill: the text has no ${name}; write it where a token should be predicted.`);
    const [length] = whole.lengths;
    if (length > maxPositions)
      throw new Error(`fill: the text has ${length} tokens, but the model's maximum is ${maxPositions}; shorten it.`);
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
    // The next text compiles it again.
    program.catch(() => this.#programs.delete(key));
    return program;
  }

  /** Frees the programs, but not the model. */
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
