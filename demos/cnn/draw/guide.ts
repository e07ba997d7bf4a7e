// What the reader sees, layer by layer, in the words of whoever would stand beside them.

import type { Config, LayerName } from '../protocol.ts';

/** Layers with their titles and what they do; the two networks differ in how they squash and pool. */
export const GUIDE: Readonly<Record<LayerName, { title: string; text: Readonly<Record<Config, string>> }>> = {
  c1: {
    title: 'C1 · convolution, 6 maps of 28 × 28',
    text: {
      modern:
        'Six windows of 5 × 5 slide over the picture; each map shows where one of them finds its pattern. ReLU cuts what is below zero.',
      classic:
        'Six windows of 5 × 5 slide over the picture; each map shows where one of them finds its pattern, or its opposite. tanh keeps values between −1 and 1.',
    },
  },
  s2: {
    title: 'S2 · pooling, 6 maps of 14 × 14',
    text: {
      modern: 'Of each 2 × 2 values only the largest stays: what was found matters more than where exactly.',
      classic:
        'Each 2 × 2 values become their mean, scaled by a learned gain: what was found matters more than where exactly.',
    },
  },
  c3: {
    title: 'C3 · convolution, 16 maps of 10 × 10',
    text: {
      modern:
        'Each map looks at all six below through windows of 5 × 5, and so finds combinations: corners, hooks, ends of strokes.',
      classic:
        'Each map looks at all six below through windows of 5 × 5, and so finds combinations: corners, hooks, ends of strokes.',
    },
  },
  s4: {
    title: 'S4 · pooling, 16 maps of 5 × 5',
    text: {
      modern: 'The largest of each 2 × 2 again. One value now speaks for 16 × 16 pixels of your drawing.',
      classic: 'The scaled mean of each 2 × 2 again. One value now speaks for 16 × 16 pixels of your drawing.',
    },
  },
  c5: {
    title: 'C5 · 120 units',
    text: {
      modern: 'Each unit sees all of S4, and so the whole picture. From here on there are no places, only features.',
      classic: 'Each unit sees all of S4, and so the whole picture. From here on there are no places, only features.',
    },
  },
  f6: {
    title: 'F6 · 84 units',
    text: {
      modern: 'Weighs the 120 features against each other.',
      classic:
        'Weighs the 120 features against each other. In 1998 these 84 values were compared with a 7 × 12 picture of each digit.',
    },
  },
  logits: {
    title: 'Output · 10 scores',
    text: {
      modern: 'One score for each digit; softmax makes them the probabilities beside your drawing.',
      classic: 'One score for each digit; softmax makes them the probabilities beside your drawing.',
    },
  },
};

/** What a value is before the layer squashes it. */
export const ACTIVATIONS: Readonly<Record<Config, { name: string; of: (sum: number) => number }>> = {
  modern: { name: 'ReLU', of: (sum) => Math.max(0, sum) },
  classic: { name: 'tanh', of: Math.tanh },
};
