// Tiny language models that decode in milliseconds, with large weights so that their texts differ.

import { GPT2 } from '../../models/transformer/char-gpt/model.ts';
import { CharRNN } from '../../models/rnn/char-lstm/model.ts';
import { compile, CpuDevice, manualSeed, spec, type CausalModel, type Module } from '../../src/node.ts';

export const VOCABULARY = 13;
export const POSITIONS = 24;

/** `model` with large weights, so that its most likely tokens are unambiguous. */
function sharpened<M extends Module>(model: M, factor: number): M {
  for (const parameter of model.parameters()) {
    const { shape, dtype } = parameter;
    if (shape.length < 2) continue;
    parameter.write({ shape, dtype, data: Float32Array.from(parameter.hostValues, (value) => factor * value) });
  }
  return model;
}

export function tinyGPT(): GPT2 {
  manualSeed(11);
  const small = { embd_pdrop: 0, attn_pdrop: 0, resid_pdrop: 0, layer_norm_epsilon: 1e-5 };
  const sizes = { vocab_size: VOCABULARY, n_positions: POSITIONS, n_embd: 16, n_layer: 2, n_head: 2 };
  return sharpened(new GPT2({ ...sizes, ...small }), 12);
}

export function tinyLSTM(): CharRNN {
  manualSeed(4);
  const sizes = { vocab_size: VOCABULARY, embedding_size: 8, hidden_size: 16, num_layers: 2, dropout: 0.5 };
  return sharpened(new CharRNN({ model_type: 'lstm', ...sizes }), 8);
}

/** Logits of the next token from a full forward pass on the CPU, without memory or sampling. */
export async function scoresAfter(model: CausalModel, text: readonly number[]): Promise<number[]> {
  const specs = { ids: spec([1, text.length], 'i32') };
  using program = await compile(new CpuDevice(), ({ ids }) => model.forward(ids), specs);
  const { data } = await program.run({ ids: Int32Array.from(text) });
  return [...data].slice(-VOCABULARY);
}

/** The index of the largest value. */
export const likeliest = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores));

/** The most likely next token. */
export const likeliestAfter = async (model: CausalModel, text: readonly number[]): Promise<number> =>
  likeliest(await scoresAfter(model, text));

/** Greedy decoding of `count` tokens by full forward passes. */
export async function likeliestTexts(model: CausalModel, prompt: readonly number[], count: number): Promise<number[]> {
  const text = [...prompt];
  for (let i = 0; i < count; i++) text.push(await likeliestAfter(model, text));
  return text.slice(prompt.length);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
