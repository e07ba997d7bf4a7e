// `five-tigers train`: exact resuming, settings in checkpoints, divergence, and output.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readSafetensors } from '../../src/node.ts';
import { jsonLines, lossesIn, run, temporaryFolder, writeSmallMnist } from './cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder(), name);
/** A run of 2 epochs of 6 steps. */
const small = () => ['--data', at('mnist'), '--epochs', '2', '--batch', '4'];
const train = (device: string, name: string, ...more: string[]) =>
  run('train', 'lenet5', '--device', device, '--json', '--out', at(`${name}.safetensors`), ...more);

beforeAll(async () => {
  await mkdir(at('mnist'));
  await writeSmallMnist(at('mnist'));
});

test.each(['cpu', 'webgpu'])(
  'a resumed run equals an uninterrupted one on %s',
  async (device) => {
    const name = (part: string) => `${device}-${part}`;
    const whole = await train(device, name('whole'), ...small());
    expect(whole).toMatchObject({ code: 0 });
    expect(lossesIn(whole)).toHaveLength(12);

    // Interrupted in the first epoch, and again at the end of the second.
    const checkpoint = at(`${name('stopped')}.checkpoint.safetensors`);
    const first = await train(device, name('stopped'), ...small(), '--steps', '4');
    expect(first).toMatchObject({ code: 0 });
    const rest = await train(device, name('resumed'), '--data', at('mnist'), '--resume', checkpoint);
    expect(rest).toMatchObject({ code: 0 });
    expect([...lossesIn(first), ...lossesIn(rest)]).toEqual(lossesIn(whole));
    expect(jsonLines(rest).at(-1)).toMatchObject({ event: 'result', step: 12, checkpoint });

    const weights = (part: string) => readFile(at(`${name(part)}.safetensors`));
    expect(Buffer.compare(await weights('resumed'), await weights('whole'))).toBe(0);
  },
  180_000,
);

test('--json prints an object per step and a result with the documented keys', async () => {
  const lines = jsonLines(await train('cpu', 'json', ...small(), '--steps', '7'));
  expect(lines.map(({ event }) => event)).toEqual([
    'start',
    ...Array(6).fill('step'),
    'checkpoint',
    'step',
    'checkpoint',
    'result',
  ]);
  expect(lines[1]).toEqual({
    event: 'step',
    step: 1,
    epoch: 1,
    loss: expect.any(Number),
    accuracy: expect.any(Number),
    learningRate: expect.any(Number),
  });
  expect(lines.at(-1)).toEqual({
    event: 'result',
    model: 'lenet5',
    config: 'modern',
    step: 7,
    metrics: { accuracy: expect.any(Number) },
    count: 20,
    adapter: expect.any(String),
    seconds: expect.any(Number),
    weights: at('json.safetensors'),
    checkpoint: at('json.checkpoint.safetensors'),
  });
});

test('the weights file records its run, and evaluates to its recorded accuracy', async () => {
  const options = [
    '--config',
    'classic',
    '--optimizer',
    'sgd',
    '--schedule',
    'constant',
    '--no-augment',
    '--seed',
    '4',
  ];
  expect(await train('cpu', 'noted', ...small(), ...options)).toMatchObject({ code: 0 });
  const { metadata, tensors } = readSafetensors(await readFile(at('noted.safetensors')));
  // Matrices are f16, biases f32.
  expect([tensors.get('f6.weight')!.dtype, tensors.get('f6.bias')!.dtype]).toEqual(['f16', 'f32']);
  expect(metadata).toMatchObject({
    model: 'lenet5',
    config: 'classic',
    epochs: '2',
    batchSize: '4',
    learningRate: '0.02',
    seed: '4',
  });
  expect(metadata).toMatchObject({
    optimizer: 'sgd',
    schedule: 'constant',
    augment: 'null',
    steps: '12',
    count: '20',
  });
  const evaluated = await run(
    'eval',
    'lenet5',
    '--device',
    'cpu',
    '--data',
    at('mnist'),
    '--json',
    '--weights',
    at('noted.safetensors'),
  );
  expect(jsonLines(evaluated)).toMatchObject([{ metrics: { accuracy: Number(metadata.accuracy) }, config: 'classic' }]);
});

test('without --json, progress goes to stderr and the result to stdout', async () => {
  const options = ['--device', 'cpu', '--out', at('text.safetensors'), '--steps', '7'];
  const { code, stdout, stderr } = await run('train', 'lenet5', ...small(), ...options);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^lenet5: accuracy [\d.]+ % \(20 test images\) after 7 steps\nWeights: .*\nCheckpoint: .*\n$/);
  expect(stderr).toMatch(/^Training lenet5 \(modern, 61,706 parameters\) on CPU/);
  expect(stderr).toMatch(/^epoch 1\/2 6\/6 loss \d\.\d+ {2}accuracy [\d.]+ %$/m);
  expect(stderr).toMatch(/^epoch 2\/2 1\/6 loss/m);
});

test('options that differ from the run’s are errors; equal ones are accepted', async () => {
  const checkpoint = at('conflict.checkpoint.safetensors');
  await train('cpu', 'conflict', ...small(), '--steps', '1');
  const resume = (...more: string[]) => train('cpu', 'other', '--data', at('mnist'), '--resume', checkpoint, ...more);
  const options = { batch: 8, seed: 2, lr: 0.5, optimizer: 'adam', epochs: 3, config: 'classic', schedule: 'constant' };
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const refused = await resume(...given, '--no-augment');
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  for (const [name, value] of Object.entries(options))
    expect(refused.stderr).toContain(`--${name} ${value} (checkpoint: `);
  expect(refused.stderr).toContain('--no-augment');
  const again = await resume(...small(), '--seed', '1', '--steps', '1');
  expect(again.code, again.stderr).toBe(0);
});

test('different training data are an error', async () => {
  await train('cpu', 'images', ...small(), '--steps', '1');
  await mkdir(at('other'));
  await writeSmallMnist(at('other'));
  const file = join(at('other'), 'train-images-idx3-ubyte');
  const bytes = await readFile(file);
  bytes[500] ^= 1;
  await writeFile(file, bytes);
  const refused = await train('cpu', 'images', '--data', at('other'), '--resume', at('images.checkpoint.safetensors'));
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--data (different training data)') });
});

test('a diverged run keeps its last good weights and reports the step', async () => {
  const options = ['--optimizer', 'sgd', '--lr', '1e30', '--schedule', 'constant'];
  const { code, stderr } = await train('cpu', 'diverged', ...small(), ...options);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /loss of step 2 is not finite\. The last good weights, of step 0, are in .*diverged\.safetensors/,
  );
  const { tensors, metadata } = readSafetensors(await readFile(at('diverged.safetensors')));
  expect(metadata.steps).toBe('0');
  expect([...tensors.values()].every(({ data }) => data.every(Number.isFinite))).toBe(true);
});

test('resuming a finished run says so and prints its result again', async () => {
  const first = await train('cpu', 'finished', ...small());
  const again = await train(
    'cpu',
    'finished',
    '--data',
    at('mnist'),
    '--resume',
    at('finished.checkpoint.safetensors'),
  );
  expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/is finished: all 12 steps are done/) });
  expect(lossesIn(again)).toEqual([]);
  expect(jsonLines(again).at(-1)).toMatchObject({ ...jsonLines(first).at(-1), seconds: expect.any(Number) });
});

test('--patience stops a run that does not improve, with its best weights', async () => {
  await writeFile(at('words.txt'), 'to be or not to be that is the question '.repeat(10));
  // With a learning rate of 0 nothing improves.
  const still = ['--lr', '1e-30', '--patience', '1', '--epochs', '9', '--batch', '2', '--length', '32'];
  const data = [
    '--data',
    at('words.txt'),
    '--config',
    'rnn',
    '--device',
    'cpu',
    '--json',
    '--out',
    at('patient.safetensors'),
  ];
  const outcome = await run('train', 'char-lstm', ...data, ...still);
  expect(outcome).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/Stopped after step \d+: no better weights in 1 evaluation\./),
  });
  const evaluations = jsonLines(outcome).filter(({ event }) => event === 'evaluation');
  expect(evaluations.map(({ isBest }) => isBest)).toEqual([true, false]);
  const [first, second] = evaluations.map(({ step }) => Number(step));
  expect(jsonLines(outcome).at(-1)).toMatchObject({ event: 'result', step: second, bestStep: first });
}, 180_000);

test('a second run cannot write the same file, but takes over the lock of a killed run', async () => {
  const abandoned = { process: 4_194_303, host: hostname(), since: new Date(0).toISOString(), id: 'abandoned' };
  await writeFile(at('shared.safetensors.lock'), JSON.stringify(abandoned));
  const [first, second] = await Promise.all([
    train('cpu', 'shared', ...small()),
    train('cpu', 'shared', ...small(), '--seed', '2'),
  ]);
  const [kept, refused] = first.code === 0 ? [first, second] : [second, first];
  expect(kept).toMatchObject({ code: 0 });
  expect(refused).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/shared\.safetensors is being written by another run \(process \d+ on /),
  });
  expect((await readdir(folder())).filter((name) => name.endsWith('.lock'))).toEqual([]);
});

test('unusable checkpoints and output files are errors before training', async () => {
  await writeFile(at('cut.safetensors'), (await readFile(at('mnist/train-images-idx3-ubyte'))).subarray(0, 20));
  const data = ['--data', at('mnist')];
  expect(await train('cpu', 'no', ...data, '--resume', at('none.safetensors'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Cannot read the checkpoint: there is no file none\.safetensors in the folder/),
  });
  expect(await train('cpu', 'no', ...data, '--resume', at('cut.safetensors'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Cannot resume from .*cut\.safetensors: /),
  });
  expect(await train('cpu', 'nowhere/weights', ...data)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is missing or read-only'),
  });
  expect(await train('cpu', 'same', ...data, '--checkpoint', at('same.safetensors'))).toMatchObject({ code: 2 });
  expect((await readdir(folder())).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
