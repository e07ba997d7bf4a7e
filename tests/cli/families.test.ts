// One small model of every family on the command line: trained, resumed bit for bit, compared with its baseline, run.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { beforeAll, describe, expect, test } from 'vitest';
import { models, type ModelRecord } from '../../models/index.ts';
import { RandomSource, readSafetensors } from '../../src/node.ts';
import { jsonLines, lossesIn, run, temporaryFolder, writeSmallMnist } from './cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder(), name);

/** A text in which each character determines the next, with some noise. */
function smallText(): string {
  const random = new RandomSource(3);
  const words = ['to be', 'or not', 'that is', 'the question', 'whether'];
  return Array.from({ length: 200 }, () => words[random.integer(words.length)]).join(' ');
}

/** A novel of 12 short chapters. */
function smallNovel(): string {
  const random = new RandomSource(5);
  const pairs = ['宝玉', '黛玉', '宝钗', '贾母', '说道', '笑道', '听了', '回来', '，又', '。那'];
  const chapter = (number: number) =>
    `第${'一二三四五六七八九十'[number % 10]}回 题目\n　　${Array.from({ length: 90 }, () => pairs[random.integer(pairs.length)]).join('')}。\n`;
  return Array.from({ length: 12 }, (_, i) => chapter(i)).join('');
}

const families = {
  'char-lstm': { data: 'text.txt', options: ['--batch', '8', '--length', '32'], baselines: ['kneser_ney_6'] },
  'char-gpt': { data: 'text.txt', options: ['--batch', '8', '--length', '32'], baselines: ['kneser_ney_6'] },
  'bert-mini-zh': { data: 'novel.txt', options: ['--batch', '8', '--length', '40'], baselines: ['neighbour_counts'] },
  'dcgan-mnist': { data: 'mnist', options: ['--batch', '8'], baselines: ['gaussian_per_class', 'real_digits'] },
} as const;
type Name = keyof typeof families;
const names = Object.keys(families) as Name[];

const train = (name: Name, out: string, ...more: string[]) =>
  run('train', name, '--device', 'cpu', '--json', '--data', at(families[name].data), '--out', at(out), ...more);
const trained = (name: Name) => `${name}.safetensors`;
const ask = (command: string, name: Name, ...more: string[]) =>
  run(command, name, '--device', 'cpu', '--weights', at(trained(name)), ...more);

beforeAll(async () => {
  await mkdir(at('mnist'));
  // Smaller than MNIST's, because the baseline decomposes a matrix of all pixels by all pixels.
  await writeSmallMnist(at('mnist'), 12);
  await writeFile(at('text.txt'), smallText());
  await writeFile(at('novel.txt'), smallNovel());
});

describe.each(names)('%s', (name) => {
  const settings = ['--config', 'tiny', '--epochs', '1', ...families[name].options];
  let result: Record<string, unknown>;

  test('trains, and an interrupted run resumes to the same weights', async () => {
    const whole = await train(name, trained(name), ...settings);
    expect(whole).toMatchObject({ code: 0, stderr: '' });
    const first = await train(name, 'stopped.safetensors', ...settings, '--steps', '2');
    const rest = await train(name, 'stopped.safetensors', '--resume', at('stopped.checkpoint.safetensors'));
    expect([first.code, rest.code]).toEqual([0, 0]);
    expect([...lossesIn(first), ...lossesIn(rest)]).toEqual(lossesIn(whole));
    expect(Buffer.compare(await readFile(at('stopped.safetensors')), await readFile(at(trained(name))))).toBe(0);
    result = jsonLines(whole).at(-1)!;
    const { metadata } = readSafetensors(await readFile(at(trained(name))));
    expect(metadata).toMatchObject({ model: name, config: 'tiny', epochs: '1' });
  }, 120_000);

  test('is evaluated, and so is its baseline, under the names in the registry', async () => {
    const data = at(families[name].data);
    const [plain] = jsonLines(await ask('eval', name, '--data', data, '--json'));
    const { metrics, count } = result;
    expect(plain).toMatchObject({ model: name, config: 'tiny', metrics, baselines: {}, count });
    expect(plain).toMatchObject({ adapter: expect.stringMatching(/CPU/), seconds: expect.any(Number) });
    const entry = await (models[name] as ModelRecord).load();
    expect(Object.keys(metrics as object).toSorted()).toEqual(Object.keys(entry.evaluate!.metrics).toSorted());
    const baseline = await ask('eval', name, '--data', data, '--json', '--baseline');
    const { baselines } = jsonLines(baseline)[0] as { baselines: Record<string, Record<string, number>> };
    expect(Object.keys(baselines)).toEqual(families[name].baselines);
    for (const measured of Object.values(baselines)) {
      for (const [metric, value] of Object.entries(measured)) {
        expect(Object.keys(metrics as object)).toContain(metric);
        expect(value).toBeGreaterThanOrEqual(0);
      }
    }
  }, 120_000);

  test('describes its inputs and settings in its help', async () => {
    const { stdout } = await run('train', name, '--help');
    expect(stdout).toContain('--data <path...>');
    for (const option of families[name].options.filter((word) => word.startsWith('--'))) {
      expect(stdout).toMatch(new RegExp(`${option} <.*\\(default: \\d+\\)`));
    }
    const reads = { text: /text files \(UTF-8/, novel: /Chinese novels/, mnist: /MNIST's four files/ };
    const [kind] = families[name].data.split('.') as (keyof typeof reads)[];
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(reads[kind]);
  });

  test('can be inspected', async () => {
    const [plan] = jsonLines(await run('inspect', name, '--config', 'tiny', '--train', '--json', '--device', 'cpu'));
    expect(plan).toMatchObject({ model: name, config: 'tiny' });
    expect((plan.steps as { updates: string[] }[]).flatMap(({ updates }) => updates).length).toBeGreaterThan(0);
  });
});

describe('text', () => {
  test.each(['char-lstm', 'char-gpt'] as const)('%s generates the same text for a seed', async (name) => {
    const generate = (...more: string[]) => ask('generate', name, '--prompt', 'to be', '--count', '20', ...more);
    const first = await generate('--seed', '7');
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^to be[^]{20}\n$/) });
    expect((await generate('--seed', '7')).stdout).toBe(first.stdout);
    expect((await generate('--seed', '8')).stdout).not.toBe(first.stdout);
    const [json] = jsonLines(await generate('--seed', '7', '--json'));
    expect(json).toMatchObject({ model: name, prompt: 'to be', count: 20, seed: 7, text: first.stdout.slice(5, -1) });
    await generate('--seed', '7', '--out', at('generated.txt'));
    expect(await readFile(at('generated.txt'), 'utf8')).toBe(json.text);
    const greedy = await generate('--temperature', '0', '--seed', '1');
    expect((await generate('--top-k', '1', '--seed', '2')).stdout).toBe(greedy.stdout);
  });

  test('run ranks the next characters', async () => {
    const [json] = jsonLines(await ask('run', 'char-lstm', 'the questio', '--json', '--top', '3'));
    const next = json.next as { character: string; probability: number }[];
    expect(next).toHaveLength(3);
    expect(next.map(({ probability }) => probability)).toEqual(
      next.map(({ probability }) => probability).toSorted((a, b) => b - a),
    );
    const { stdout } = await ask('run', 'char-lstm', 'the questio', '--top', '3');
    expect(stdout).toMatch(/^▸ "." +█* +[\d.]+ %\n/);
  });

  test('an unknown character is named, and dropped on request', async () => {
    for (const words of [
      ['run', 'char-gpt', 'to 爱 be'],
      ['generate', 'char-gpt', '--prompt', 'to 爱 be'],
    ] as const) {
      const [command, name, ...more] = words;
      const refused = await ask(command, name, ...more);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toMatch(/does not know "爱" \(U\+7231\)\. Remove it, or use --drop-unknown/);
      expect(await ask(command, name, ...more, '--drop-unknown')).toMatchObject({ code: 0 });
    }
  });

  test('empty and short files are errors, and other encodings are detected', async () => {
    await writeFile(at('empty.txt'), '');
    await writeFile(at('short.txt'), 'to be or not to be');
    const on = (file: string) =>
      run('train', 'char-lstm', '--data', at(file), '--device', 'cpu', '--out', at('no.safetensors'));
    expect(await on('empty.txt')).toMatchObject({ code: 1, stderr: expect.stringMatching(/empty\.txt is empty/) });
    expect(await on('short.txt')).toMatchObject({ code: 1, stderr: expect.stringMatching(/too short.* needs 4224/) });
    await mkdir(at('nothing'));
    expect(await on('nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no text files in the folder/),
    });

    // 红楼梦 in GB18030, as in many old files.
    const gb18030 = Buffer.from('bae2c2a5c3ce', 'hex');
    await writeFile(at('gb.txt'), Buffer.concat(Array.from({ length: 60 }, () => gb18030)));
    const options = [
      '--config',
      'tiny',
      '--batch',
      '2',
      '--length',
      '8',
      '--steps',
      '1',
      '--out',
      at('gb.safetensors'),
    ];
    expect(await run('train', 'char-lstm', '--data', at('gb.txt'), '--device', 'cpu', ...options)).toMatchObject({
      code: 0,
    });
    const { metadata } = readSafetensors(await readFile(at('gb.safetensors')));
    expect(JSON.parse(metadata.vocabulary)).toEqual(expect.arrayContaining(['楼', '梦']));
  });
});

describe('BERT', () => {
  test('ranks characters for masks', async () => {
    const outcome = await ask('run', 'bert-mini-zh', '宝[MASK]笑[MASK]', '--json', '--top', '4');
    const [{ masks }] = jsonLines(outcome) as { masks: { token: string; probability: number }[][] }[];
    expect(masks.map(({ length }) => length)).toEqual([4, 4]);
    const { code, stdout, stderr } = await ask('run', 'bert-mini-zh', '宝[MASK]ａ笑[MASK]');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\[MASK\] 1\n▸ .*\n[^]*\n\n\[MASK\] 2\n▸ /);
    expect(stderr).toMatch(/1 of the sentence's characters is unknown/);
  });

  test('a sentence without a mask, and a novel without chapters, are errors', async () => {
    expect(await ask('run', 'bert-mini-zh', '宝玉笑道')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('[MASK]'),
    });
    await writeFile(at('flat.txt'), '宝玉笑道'.repeat(200));
    const outcome = await run('train', 'bert-mini-zh', '--data', at('flat.txt'), '--out', at('no.safetensors'));
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(/0 chapters/) });
  });
});

describe('GAN', () => {
  test('generates a grid that depends only on the seed', async () => {
    const draw = async (count: number, seed: number) => {
      const outcome = await ask(
        'generate',
        'dcgan-mnist',
        '--count',
        String(count),
        '--seed',
        String(seed),
        '--out',
        at('grid.png'),
      );
      expect(outcome).toMatchObject({ code: 0, stdout: expect.stringContaining(`${count} images in `) });
      return decode(await readFile(at('grid.png')));
    };
    const first = await draw(5, 1);
    // Three columns and two rows of 32 pixels, with gaps of two.
    expect(first).toMatchObject({ width: 104, height: 70, channels: 1 });
    expect((await draw(5, 1)).data).toEqual(first.data);
    expect((await draw(5, 2)).data).not.toEqual(first.data);
  });

  test('reports the step and phase of a divergence, and keeps good weights', async () => {
    const options = ['--config', 'tiny', '--batch', '4', '--epochs', '2', '--lr', '1e30', '--optimizer', 'sgd'];
    const { code, stderr } = await train('dcgan-mnist', 'diverged.safetensors', ...options);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /the loss of the (discriminator|generator) in step \d+ is not finite\. The .* weights, of step \d+,/,
    );
    const { tensors } = readSafetensors(await readFile(at('diverged.safetensors')));
    expect([...tensors.values()].every(({ dtype, data }) => dtype !== 'f32' || data.every(Number.isFinite))).toBe(true);
  });
});

test('the error for a checkpoint of another model names it; that for a config without weights says how to train', async () => {
  const other = await run(
    'generate',
    'char-gpt',
    '--weights',
    at('char-lstm.checkpoint.safetensors'),
    '--device',
    'cpu',
  );
  expect(other).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/has weights of char-lstm, which char-gpt cannot use/),
  });
  const resumed = await train('char-gpt', 'other.safetensors', '--resume', at('char-lstm.checkpoint.safetensors'));
  expect(resumed).toMatchObject({ code: 2, stderr: expect.stringContaining('model char-gpt (checkpoint: char-lstm)') });
  const missing = await run('generate', 'char-lstm', '--config', 'tiny');
  expect(missing).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/No weights are shipped for char-lstm \(tiny\)\. Train it/),
  });
});

test('the error for an unsupported command lists the models that support it', async () => {
  const outcome = await run('generate', 'lenet5');
  expect(outcome).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^lenet5 does not support generate\. .*char-lstm/),
  });
});
