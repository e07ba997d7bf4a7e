// Loading weights into models: prefixes, ties, buffers and dtypes; errors grouped by cause; a failed load changes nothing.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  BatchNorm1d, BatchNorm2d, Buffer, compile, Conv2d, Embedding, flatten, InstanceNorm2d, LayerNorm, Linear, loadMnist, loadWeights,
  Module, openDataFiles, openDevice, openWeights, Parameter, relu, spec, transposeWeights, WeightsError, writeSafetensors, type Tensor, type TensorData, type WeightSource,
} from '../../src/node.ts'; // prettier-ignore
import { realData } from '../harness/real-data.ts';

const f32 = (shape: number[], start = 0): TensorData => {
  const size = shape.reduce((a, b) => a * b, 1);
  return { dtype: 'f32', shape, data: Float32Array.from({ length: size }, (_, i) => start + i) };
};
const zeros = (...shape: number[]) => new Parameter({ ...f32(shape), data: f32(shape).data.map(() => 0) });

class Block extends Module {
  c_attn: Parameter;
  ln = new LayerNorm(4);
  constructor(width: number) {
    super();
    this.c_attn = zeros(width, 3 * width);
  }
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** A tiny GPT-2: a list of layers and an embedding tied to the head. */
class Gpt extends Module {
  override title = 'a small GPT';
  config: { n_layer: number; n_embd: number };
  wte = new Embedding(5, 4);
  h: Block[];
  lm_head = { weight: this.wte.weight };
  constructor(n_layer = 2, n_embd = 4) {
    super();
    this.config = { n_layer, n_embd };
    this.h = Array.from({ length: n_layer }, () => new Block(n_embd));
  }
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** What PyTorch would save for a `Gpt`, under `prefix`. */
function gptFile({ layers = 2, width = 4, prefix = '', tied = false } = {}): Map<string, TensorData> {
  const tensors = new Map<string, TensorData>([[`${prefix}wte.weight`, f32([5, 4], 100)]]);
  for (let i = 0; i < layers; i++) {
    tensors.set(`${prefix}h.${i}.c_attn`, f32([width, 3 * width], i));
    tensors.set(`${prefix}h.${i}.ln.weight`, f32([4], 10));
    tensors.set(`${prefix}h.${i}.ln.bias`, f32([4], 20));
  }
  if (tied) tensors.set('lm_head.weight', f32([5, 4], 100));
  return tensors;
}

const values = async (model: Module) =>
  new Map([...(await model.stateDict())].map(([name, { data }]) => [name, [...data]]));

/** The error of a load that must fail; also checks that the model is unchanged. */
async function failure(model: Module, input: Parameters<typeof loadWeights>[1], options = {}): Promise<Error> {
  const before = await values(model);
  const error: unknown = await loadWeights(model, input, options).then(
    () => expect.unreachable('the load should have failed'),
    (error: unknown) => error,
  );
  expect(await values(model)).toEqual(before);
  return error as Error;
}

describe('a match', () => {
  test('a file with the model’s names loads, and the report has its metadata', async () => {
    const bytes = writeSafetensors(gptFile(), { config: 'small' });
    const model = new Gpt();
    const progress: number[] = [];
    const report = await loadWeights(model, bytes, {
      onProgress: ({ loaded, total }) => progress.push(loaded / total!),
    });
    expect(report).toMatchObject({
      format: 'safetensors',
      prefix: { dropped: '', added: '' },
      metadata: { config: 'small' },
    });
    expect(report).toMatchObject({ ignored: [], kept: [], converted: [] });
    expect([...report.loaded].sort()).toEqual([...gptFile().keys()].sort());
    expect((await values(model)).get('h.1.ln.bias')).toEqual([20, 21, 22, 23]);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
  });

  test.each(['module.', 'transformer.', 'model.', 'a.b.'])(
    'the prefix "%s" of all names is found and reported',
    async (prefix) => {
      const model = new Gpt();
      const report = await loadWeights(model, gptFile({ prefix }));
      expect(report.prefix).toEqual({ dropped: prefix, added: '' });
      expect((await values(model)).get('wte.weight')![0]).toBe(100);
    },
  );

  test('a prefix that only the model has is added; a given one replaces detection', async () => {
    class Bert extends Module {
      bert = new Gpt();
      override forward(): void {}
    }
    expect((await loadWeights(new Bert(), gptFile())).prefix).toEqual({ dropped: '', added: 'bert.' });
    expect((await loadWeights(new Bert(), gptFile({ prefix: 'module.' }))).prefix).toEqual({
      dropped: 'module.',
      added: 'bert.',
    });
    const given = { prefix: { drop: 'x.', add: 'bert.' } };
    expect((await loadWeights(new Bert(), gptFile({ prefix: 'x.' }), given)).prefix).toEqual({
      dropped: 'x.',
      added: 'bert.',
    });
    expect(await failure(new Gpt(), gptFile({ prefix: 'x.' }), { prefix: { drop: 'y.' } })).toBeInstanceOf(
      WeightsError,
    );
  });

  test('rename maps names and ignore skips them', async () => {
    const file = gptFile();
    file.set('weight', file.get('wte.weight')!);
    file.delete('wte.weight');
    file.set('optimizer.step', f32([1]));
    const report = await loadWeights(new Gpt(), file, { rename: { weight: 'wte.weight' }, ignore: /^optimizer\./ });
    expect(report.ignored).toEqual([{ name: 'optimizer.step', why: 'skipped by the options' }]);
    expect(report.loaded).toContain('wte.weight');
  });

  test('tied weights load from either name or equal copies; different copies are an error', async () => {
    for (const file of [gptFile(), gptFile({ tied: true }), gptFile({ tied: true, prefix: 'transformer.' })]) {
      const model = new Gpt();
      await loadWeights(model, file);
      const { data } = await model.lm_head.weight.read();
      expect(data[0]).toBe(100);
    }
    const head = gptFile({ tied: true });
    head.delete('wte.weight');
    const model = new Gpt();
    await loadWeights(model, head);
    expect((await values(model)).get('wte.weight')![0]).toBe(100);
    const other = gptFile({ tied: true });
    other.set('lm_head.weight', f32([5, 4], 7));
    const error = await failure(new Gpt(), other);
    expect(error).toMatchObject({ name: 'WeightsError', missing: [], untied: [['wte.weight', 'lm_head.weight']] });
    expect(error.message).toBe(
      'the tensors: These weights are not for a small GPT; nothing was changed:\n' +
        '  tied in the model, but different values (1): wte.weight and lm_head.weight\n' +
        '  → They come from a model without this tie. To drop one of each pair, match it with the option ignore.',
    );
  });

  test('a well-known tie that the model lacks: the copy is checked and reported', async () => {
    class Base extends Module {
      wte = new Embedding(5, 4);
      override forward(): void {}
    }
    const file = new Map([['wte.weight', f32([5, 4])], ['lm_head.weight', f32([5, 4])]]);
    const report = await loadWeights(new Base(), file);
    expect(report.ignored).toEqual([{ name: 'lm_head.weight', why: 'the same as wte.weight, to which it is tied' }]);
    file.set('lm_head.weight', f32([5, 4], 1));
    expect((await failure(new Base(), file))).toMatchObject({ untied: [['wte.weight', 'lm_head.weight']] });
  }); // prettier-ignore

  test('extra and missing buffers are reported; a parameter with such a name is an error', async () => {
    class Norms extends Module {
      norm = new BatchNorm1d(2);
      style = new InstanceNorm2d(2);
      position_ids = new Buffer({ dtype: 'i32', shape: [3], data: Int32Array.of(0, 1, 2) });
      override forward(): void {}
    }
    const file = new Map<string, TensorData>([
      ['norm.weight', f32([2])], ['norm.bias', f32([2])], ['norm.running_mean', f32([2])], ['norm.running_var', f32([2])],
      ['old.num_batches_tracked', { dtype: 'i32', shape: [], data: Int32Array.of(9) }],
      ['style.running_mean', f32([2])], ['style.running_var', f32([2])],
      ['h.0.attn.bias', f32([1, 1, 2, 2])], ['h.0.attn.masked_bias', f32([])], ['rotary.inv_freq', f32([2])],
    ]); // prettier-ignore
    const report = await loadWeights(new Norms(), file);
    expect(report.ignored.map(({ name }) => name).sort()).toEqual([
      'h.0.attn.bias', 'h.0.attn.masked_bias', 'old.num_batches_tracked', 'rotary.inv_freq', 'style.running_mean', 'style.running_var',
    ]); // prettier-ignore
    expect(report.kept.map(({ name }) => name)).toEqual(['norm.num_batches_tracked', 'position_ids']);
    file.set('h.0.attn.bias', f32([2]));
    expect(await failure(new Norms(), file)).toMatchObject({ unexpected: ['h.0.attn.bias'], missing: [] });
    file.delete('h.0.attn.bias');
    file.delete('norm.running_mean');
    expect(await failure(new Norms(), file)).toMatchObject({ unexpected: [], missing: ['norm.running_mean'] });
  });

  test('gamma and beta are renamed only in a LayerNorm', async () => {
    class Old extends Module {
      LayerNorm = new LayerNorm(2);
      scale = { gamma: zeros(2) };
      override forward(): void {}
    }
    const file = new Map([['LayerNorm.gamma', f32([2], 1)], ['LayerNorm.beta', f32([2], 5)], ['scale.gamma', f32([2], 9)]]);
    const model = new Old();
    await loadWeights(model, file);
    expect(Object.fromEntries(await values(model))).toEqual({ 'LayerNorm.weight': [1, 2], 'LayerNorm.bias': [5, 6], 'scale.gamma': [9, 10] });
    const other = new Map([...file, ['norm.gamma', f32([2])]] as [string, TensorData][]);
    expect(await failure(new Old(), other)).toMatchObject({ unexpected: ['norm.gamma'] });
  }); // prettier-ignore

  test('f16, bf16 and f64 are converted to the model’s dtype, and the report counts them', async () => {
    class Mixed extends Module {
      f64 = zeros(3);
      f16 = zeros(4);
      bf16 = new Parameter({ dtype: 'f16', shape: [4], data: new Uint16Array(4) });
      f32 = new Parameter({ dtype: 'f16', shape: [2, 3], data: new Uint16Array(6) });
      override forward(): void {}
    }
    const model = new Mixed();
    const ignore = /^(?!f64$|f16$|bf16$|f32$)/;
    const report = await loadWeights(model, join(import.meta.dirname, '../fixtures/weights/types.pth'), { ignore });
    expect(report.converted).toEqual([
      { from: 'F64', to: 'F32', count: 1 }, { from: 'F32', to: 'F16', count: 1 },
      { from: 'F16', to: 'F32', count: 1 }, { from: 'BF16', to: 'F16', count: 1 },
    ]); // prettier-ignore
    expect([...(await model.f64.read()).data]).toEqual([Math.fround(Math.PI), -0, 0.5]);
    expect([...(await model.f16.read()).data]).toEqual([1, -65504, 5.960464477539063e-8, 0.3330078125]);
    expect([...(await model.bf16.read()).data]).toEqual([0x3c00, 0xc248, 0x7c00, 0x3550]);
    expect([...(await model.f32.read()).data]).toEqual([0x3e00, 0x8000, 0x7c00, 0, 0x4200, 0x4400]);
  });

  test('map transposes matrices, and the error for transposed shapes suggests it', async () => {
    const model = new Linear(2, 3);
    const file = new Map([
      ['weight', f32([2, 3])],
      ['bias', f32([3])],
    ]);
    expect((await failure(model, file)).message).toContain('weight (is [2, 3], needs [3, 2])');
    expect((await failure(model, file)).message).toContain('pass map: transposeWeights');
    await loadWeights(model, file, { map: transposeWeights(/weight$/) });
    expect((await values(model)).get('weight')).toEqual([0, 3, 1, 4, 2, 5]);
    expect((await failure(model, file, { map: (_: string, x: TensorData) => x })).message).toMatch(
      /"weight" is f32\[2, 3\] after the option map/,
    );
  });
});

describe('a mismatch is explained by its cause, and nothing changes', () => {
  test('a different model', async () => {
    const file = new Map([
      ['bert.embeddings.x', f32([1])],
      ['bert.encoder.layer.0.attention.self.query.weight', f32([2])],
    ]);
    const error = await failure(new Gpt(), file);
    expect(error.message).toMatch(/^the tensors: These weights are not for a small GPT; nothing was changed:/);
    expect(error.message).toMatch(/A different model: no name matches. The file looks like BERT/);
    expect(error).toMatchObject({ name: 'WeightsError', shapes: [], dtypes: [] });
  });

  test('a different config: the fields for depth and width are named', async () => {
    const deeper = await failure(new Gpt(2), gptFile({ layers: 12 }));
    expect(deeper.message).toContain('A different config: n_layer 12 in the file, 2 in the model.');
    expect(deeper.message).toMatch(/unexpected \(30\): .* … and 24 more/);
    expect((deeper as WeightsError).unexpected.length).toBe(30);
    const wider = await failure(new Gpt(2, 6), gptFile({ width: 8 }));
    expect(wider.message).toMatch(/A different config: n_embd 8 in the file, 6 in the model/);
    expect(wider.message).toMatch(/wrong shape \(2\): h\.0\.c_attn \(is \[8, 24\], needs \[6, 18\]\)/);
  });

  test('a missing or unexpected head', async () => {
    class Classifier extends Module {
      gpt = new Gpt();
      classifier = new Linear(4, 2);
      override forward(): void {}
    }
    const base = await failure(new Classifier(), gptFile());
    expect(base).toMatchObject({ missing: ['classifier.weight', 'classifier.bias'] });
    expect(base.message).toMatch(/Only classifier\.\* is missing.*strict: false/);
    const report = await loadWeights(new Classifier(), gptFile(), { strict: false });
    expect(report.kept.map(({ name }) => name)).toEqual(['classifier.weight', 'classifier.bias']);
    const file = new Map([...gptFile(), ['classifier.weight', f32([2, 4])]] as [string, TensorData][]);
    const left = await failure(new Gpt(), file);
    expect(left.message).toContain('ignore: /^classifier\\./');
    await loadWeights(new Gpt(), file, { ignore: /^classifier\./ });
  });

  test('integers where the model has floats', async () => {
    const file = new Map([
      ['weight', { ...f32([3, 2]), dtype: 'i32' as const, data: new Int32Array(6) }],
      ['bias', f32([3])],
    ]);
    expect((await failure(new Linear(2, 3), file)).message).toContain('wrong dtype (1): weight (is I32, needs f32)');
  });

  test('a read error after other tensors were read', async () => {
    const good = await openWeights(gptFile());
    const source: WeightSource = {
      ...good,
      read: (name, ...more) =>
        name === 'h.1.c_attn' ? Promise.reject(new Error('the disk is gone')) : good.read(name, ...more),
    };
    expect((await failure(new Gpt(), source)).message).toBe('the disk is gone');
  });

  test('a cancelled load', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('no longer wanted'));
    expect((await failure(new Gpt(), gptFile(), { onProgress, signal: controller.signal })).message).toBe(
      'no longer wanted',
    );
  });
});

describe('sharded weights', () => {
  const shards = () => {
    const [a, b] = [new Map<string, TensorData>(), new Map<string, TensorData>()];
    [...gptFile()].forEach(([name, values], i) => (i % 2 ? a : b).set(name, values));
    const place = (tensors: Map<string, TensorData>, file: string) => [...tensors.keys()].map((name) => [name, file]);
    const map = Object.fromEntries([...place(a, 'model-1.safetensors'), ...place(b, 'model-2.safetensors')]);
    const index = JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });
    return [
      new File([index], 'model.safetensors.index.json'),
      new File([writeSafetensors(a)], 'model-1.safetensors'),
      new File([writeSafetensors(b)], 'model-2.safetensors'),
    ];
  };

  test('load from several files by their index', async () => {
    const model = new Gpt();
    const report = await loadWeights(model, shards());
    expect(report.format).toBe('safetensors, 2 files');
    expect(report.loaded.length).toBe(gptFile().size);
    expect((await values(model)).get('h.1.c_attn')![0]).toBe(1);
  });

  test('the error for a missing shard names it and its tensors', async () => {
    const [index, , second] = shards();
    expect((await failure(new Gpt(), [index, second])).message).toMatch(
      /names 2 files, but model-1\.safetensors is missing \(3 tensors: .*\)\. Put it beside the index/,
    );
    expect((await failure(new Gpt(), index)).message).toMatch(/model-1\.safetensors, model-2\.safetensors are missing/);
  });

  test('errors for a shard of another model, an index that points outside the folder, and several files without an index', async () => {
    const [index, first] = shards();
    const other = new File([writeSafetensors(new Map())], 'model-2.safetensors');
    expect((await failure(new Gpt(), [index, first, other])).message).toMatch(
      /in model-2\.safetensors, which does not hold it/,
    );
    const evil = new File([JSON.stringify({ weight_map: { a: '../../etc/passwd' } })], 'model.safetensors.index.json');
    expect((await failure(new Gpt(), evil)).message).toMatch(/which is not a file beside it/);
    expect((await failure(new Gpt(), [first, other])).message).toMatch(/several weights files/);
  });
});

/** The conv net from Burn's MNIST example. */
class BurnMnist extends Module {
  conv1 = new Conv2d(1, 8, 3);
  conv2 = new Conv2d(8, 16, 3);
  conv3 = new Conv2d(16, 24, 3);
  norm1 = new BatchNorm2d(24);
  fc1 = new Linear(24 * 22 * 22, 32);
  fc2 = new Linear(32, 10);
  norm2 = new BatchNorm1d(10);
  override forward(image: Tensor): Tensor {
    const maps = [this.conv1, this.conv2, this.conv3].reduce((x, conv) => relu(conv.forward(x)), image); // [B, 24, 22, 22]
    const features = relu(this.fc1.forward(flatten(this.norm1.forward(maps)))); // [B, 32]
    return this.norm2.forward(this.fc2.forward(features)); // [B, 10]
  }
}

const [checkpoints, mnist] = [realData('checkpoints'), realData('mnist')];
test.skipIf(!checkpoints || !mnist)('a conv net from another project classifies digits (../shared/data)', async () => {
  const digits = await loadMnist(await openDataFiles([mnist!]), 'test');
  const count = 64;
  const images = Float32Array.from(
    digits.images.subarray(0, count * 28 * 28),
    (byte) => (byte / 255 - 0.1307) / 0.3081,
  );
  for (const file of ['mnist.pt', 'mnist.safetensors']) {
    const model = new BurnMnist();
    const report = await loadWeights(model, join(checkpoints!, 'burn-mnist', file));
    expect(report).toMatchObject({ ignored: [], kept: [] });
    const program = await compile(await openDevice('cpu'), ({ image }) => ({ logits: model.forward(image) }), {
      image: spec([count, 1, 28, 28]),
    });
    const { logits } = await program.run({ image: images });
    const right = Array.from({ length: count }, (_, i) => {
      const row = [...logits.data.subarray(i * 10, i * 10 + 10)];
      return row.indexOf(Math.max(...row)) === digits.labels[i];
    }).filter(Boolean).length;
    expect(right, file).toBeGreaterThanOrEqual(count - 2);
  }
});
