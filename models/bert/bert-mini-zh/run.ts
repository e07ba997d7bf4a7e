// Runs BERT: the likeliest characters for each [MASK].

import { MaskFiller, type Filling } from '../../../src/index.ts';
import type { Running } from '../../entry.ts';
import { tokenizerOf } from '../../text/vocabulary.ts';
import type { BertForPreTraining } from './model.ts';

/** Candidates per mask. */
const TOP = 5;

/** Predictions for a sentence with [MASK], or two separated by [SEP]. */
export const run: Running<BertForPreTraining> = {
  input: 'sentence',
  description:
    'a sentence with [MASK] in place of characters, such as 黛玉[MASK]道, or two sentences separated by [SEP]',
  options: { top: { description: 'candidates to show for each [MASK]', type: 'integer', preset: String(TOP) } },
  async run(model, { text, options }, { device, onProgram }) {
    const tokenizer = tokenizerOf(model).with('token');
    const [first, second, ...more] = text.split('[SEP]');
    if (more.length > 0) throw new Error('There are more than two sentences: [SEP] may occur only once.');
    using filler = new MaskFiller(device, model, tokenizer);
    const top = Number(options.top ?? TOP);
    const masks = await filler.fill(second === undefined ? first : [first, second], { top, onProgram });
    const unknown = [...tokenizer.encode(text)].filter((id) => id === tokenizer.special.unknown).length;
    const table = (fillings: readonly Filling[], i: number) => ({
      ...(masks.length > 1 && { title: `[MASK] ${i + 1}` }),
      rows: fillings.map(({ token, probability }) => ({ label: token, probability })),
    });
    const note = `${unknown} of the sentence's characters ${unknown > 1 ? 'are' : 'is'} unknown to the model and read as [UNK].`;
    return {
      tables: masks.map(table),
      notes: unknown > 0 ? [note] : [],
      values: { sentence: text, masks, unknown },
    };
  },
};
