// `five-tigers eval` and `run`: results, and clear errors for unusable files.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { lenet5Entry } from '../../models/cnn/lenet5/entry.ts';
import { Conv2d, Linear, manualSeed, Module, saveWeightsFile, type Tensor } from '../../src/node.ts';
import { GREY, png } from '../data/png.ts';
import { jsonLines, run, temporaryFolder, writeSmallMnist } from './cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder(), name);
const weights = (config: string) => at(`${config}.safetensors`);

beforeAll(async () => {
  await mkdir(at('mnist'));
  await writeSmallMnist(at('mnist'));
  manualSeed(1);
  for (const config of ['classic', 'modern']) {
    const model = lenet5Entry.build(config);
    await saveWeightsFile(weights(config), model, { metadata: { config } });
  }
});

const evaluate = (device: string, ...more: string[]) =>
  run('eval', 'lenet5', '--device', device, '--data', at('mnist'), '--json', ...more);

test('eval --json prints accuracy, count, adapter and seconds; CPU and GPU agree', async () => {
  const results: Record<string, unknown>[] = [];
  for (const device of ['cpu', 'webgpu']) {
    const outcome = await evaluate(device, '--weights', weights('modern'));
    expect(outcome).toMatchObject({ code: 0 });
    const [result, ...more] = jsonLines(outcome);
    expect(more).toEqual([]);
    expect(result).toMatchObject({ model: 'lenet5', config: 'modern', count: 20, adapter: expect.stringMatching(/./) });
    expect(result.seconds).toBeGreaterThan(0);
    results.push(result);
  }
  expect(results[0].metrics).toEqual({ accuracy: expect.any(Number) });
  expect(results[0].metrics).toEqual(results[1].metrics);
  expect(results[0].adapter).not.toBe(results[1].adapter);
}, 180_000);

test('eval prints one line', async () => {
  const options = ['--device', 'cpu', '--data', at('mnist'), '--weights', weights('classic')];
  const { code, stdout } = await run('eval', 'lenet5', ...options);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^lenet5 \(classic\): accuracy [\d.]+ % \(20 test images; [\d.]+ s on CPU.*\)\n$/);
});

test('the error for weights of another model lists every mismatch', async () => {
  class Other extends Module {
    readonly c1 = new Conv2d(1, 4, 3);
    readonly head = new Linear(4, 10);
    forward(x: Tensor): Tensor {
      return this.head.forward(this.c1.forward(x));
    }
  }
  await saveWeightsFile(at('other.safetensors'), new Other());
  const { code, stdout, stderr } = await evaluate('cpu', '--weights', at('other.safetensors'));
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('other.safetensors: These weights are not for LeNet-5; nothing was changed:');
  expect(stderr).toMatch(/missing \(8\): .*c3\.weight/);
  expect(stderr).toMatch(/unexpected \(2\): head\.(weight|bias), head\.(weight|bias)/);
  expect(stderr).toMatch(/wrong shape \(2\): .*c1\.weight \(is \[4, 1, 3, 3\], needs \[6, 1, 5, 5\]\)/);
  expect(stderr).not.toMatch(/^ +at /m);
});

test('a config that does not match the weights, or does not exist, is an error', async () => {
  const other = await evaluate('cpu', '--weights', weights('modern'), '--config', 'classic');
  expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/missing \(4\): s2\.weight/) });
  const unknown = await evaluate('cpu', '--weights', weights('modern'), '--config', 'baroque');
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringMatching(/'baroque' is invalid.*classic, modern/) });
});

test('a training checkpoint can be evaluated directly', async () => {
  const files = ['--out', at('trained.safetensors'), '--checkpoint', at('trained.checkpoint')];
  const options = ['--device', 'cpu', '--data', at('mnist'), '--batch', '4', '--steps', '2', '--config', 'classic'];
  await run('train', 'lenet5', ...options, ...files);
  const [ofCheckpoint] = jsonLines(await evaluate('cpu', '--weights', at('trained.checkpoint')));
  const [ofWeights] = jsonLines(await evaluate('cpu', '--weights', at('trained.safetensors')));
  expect(ofCheckpoint).toMatchObject({ config: 'classic', metrics: ofWeights.metrics });
});

test('the error for missing or truncated weights and data names the file', async () => {
  await writeFile(at('cut.safetensors'), (await readFile(weights('modern'))).subarray(0, 5000));
  expect(await evaluate('cpu', '--weights', at('cut.safetensors'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/cut\.safetensors: .*should end at byte \d+, but the file has 5000: it is truncated/),
  });
  expect(await evaluate('cpu', '--weights', at('none.safetensors'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/there is no file none\.safetensors in the folder/),
  });

  const data = (name: string) => run('eval', 'lenet5', '--data', at(name), '--weights', weights('modern'));
  expect(await data('nothing')).toMatchObject({ code: 1, stderr: expect.stringMatching(/nothing does not exist/) });
  await mkdir(at('half'));
  await copyFile(at('mnist/t10k-images-idx3-ubyte'), at('half/t10k-images-idx3-ubyte'));
  expect(await data('half')).toMatchObject({ code: 1, stderr: expect.stringMatching(/lacks t10k-labels-idx1-ubyte/) });
  await copyFile(at('mnist/t10k-labels-idx1-ubyte'), at('half/t10k-labels-idx1-ubyte'));
  await writeFile(
    at('half/t10k-images-idx3-ubyte'),
    (await readFile(at('mnist/t10k-images-idx3-ubyte'))).subarray(0, 999),
  );
  expect(await data('half')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/t10k-images-idx3-ubyte is truncated: 15696 bytes expected, 999 found/),
  });
});

/** A 40 × 40 PNG: white, with a black bar unless `empty`. */
function picture(empty = false): Buffer {
  const isInk = (x: number, y: number) => !empty && x > 17 && x < 23 && y > 5 && y < 35;
  const samples = Array.from({ length: 40 }, (_, y) => Array.from({ length: 40 }, (__, x) => (isInk(x, y) ? 0 : 255)));
  return png({ width: 40, depth: 8, colourType: GREY, samples });
}

const classify = (file: string, ...more: string[]) =>
  run('run', 'lenet5', at(file), '--weights', weights('modern'), '--device', 'cpu', ...more);

test('run prints ten probabilities, as JSON and as a table', async () => {
  await writeFile(at('one.png'), picture());
  const [result] = jsonLines(await classify('one.png', '--json')) as { digit: number; probabilities: number[] }[];
  expect(result).toMatchObject({ model: 'lenet5', config: 'modern', adapter: expect.any(String) });
  expect(result.probabilities).toHaveLength(10);
  expect(result.probabilities.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5);
  expect(result.probabilities[result.digit]).toBe(Math.max(...result.probabilities));

  const { code, stdout } = await classify('one.png');
  const rows = stdout.trimEnd().split('\n');
  expect([code, rows.length]).toEqual([0, 10]);
  rows.forEach((row, i) => {
    expect(row).toMatch(new RegExp(`^${i === result.digit ? '▸' : ' '} ${i}  █+ +[\\d.]+ %$`));
    expect(row).toContain(`${(100 * result.probabilities[i]).toFixed(2)} %`);
  });
});

test('the error for an unusable image says what is wrong', async () => {
  await writeFile(at('text.png'), 'This is no picture.');
  await writeFile(at('cut.png'), picture().subarray(0, 80));
  await writeFile(at('empty.png'), picture(true));
  const failures = {
    'text.png': /text\.png is not a PNG or JPEG/,
    'cut.png': /cut\.png is a PNG, but it is truncated, corrupt/,
    'empty.png': /empty\.png is blank/,
    'none.png': /^Cannot read the image: there is no file none\.png/,
  };
  for (const [file, message] of Object.entries(failures)) {
    expect(await classify(file)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
  }
});
