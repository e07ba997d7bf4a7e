// The LeNet-5 page in a browser: classifies a drawn digit, trains, and handles invalid files.

import { join } from 'node:path';
import { encode } from 'fast-png';
import type { Browser } from 'playwright-core';
import { createServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeCheckpoint, readSafetensors, writeSafetensors } from '../../src/index.ts';
import { launchChromium } from '../harness/chromium.ts';
import {
  draw,
  download,
  drop,
  lossOf,
  pause,
  SEVEN,
  stepsOf,
  waitForStep,
  waitForText,
  type NamedBytes,
} from './cnn-page.ts';
import { builtSite, openPage, type Site } from './site.ts';

/** Milliseconds for tests that compile several training steps on a software GPU, in parallel with other tests. */
const SLOW = 150_000;
let browser: Browser;
let site: Site;

beforeAll(async () => {
  [site, browser] = await Promise.all([builtSite(), launchChromium()]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const textFile = (name: string, text: string): NamedBytes => ({ name, bytes: new TextEncoder().encode(text) });

/** An IDX file of unsigned bytes. */
function idx(name: string, shape: readonly number[], value: (i: number) => number): NamedBytes {
  const count = shape.reduce((size, dim) => size * dim, 1);
  const bytes = new Uint8Array(4 + 4 * shape.length + count);
  bytes.set([0, 0, 8, shape.length]);
  shape.forEach((dim, axis) => new DataView(bytes.buffer).setUint32(4 + 4 * axis, dim));
  for (let i = 0; i < count; i++) bytes[4 + 4 * shape.length + i] = value(i);
  return { name, bytes };
}

/** A white one on blue, larger than the paper. */
function pngOfOne(): Uint8Array {
  const [width, height] = [400, 640];
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const inside = Math.abs((i % width) - width / 2) < 30 && Math.abs(i / width - height / 2) < 220;
    data.set(inside ? [255, 255, 255] : [10, 30, 120], 3 * i);
  }
  return encode({ width, height, data, channels: 3 });
}

test('classifies a drawn digit and shows the maps of each layer', async () => {
  const { page, finish } = await openPage(browser, site, 'cnn/');
  // The page draws an example digit at first.
  await waitForText(page, '#best', /^\d$/);
  expect(await page.locator('#device').innerText()).toContain('swiftshader');
  expect(await page.locator('#banner').isVisible()).toBe(false);
  await draw(page, SEVEN);
  await waitForText(page, '#best', /^7$/);
  await page.locator('#layers .c3 canvas').nth(2).hover();
  await waitForText(page, '#probe', /C3, map 2, row \d, column \d: \d\.\d{3}/);
  const [, row, column] = /row (\d), column (\d)/.exec(await page.locator('#probe').innerText())!.map(Number);
  await waitForText(
    page,
    '#probe',
    new RegExp(`Sees 14 × 14 pixels: rows ${2 * row}–${2 * row + 13}, columns ${2 * column}–${2 * column + 13}`),
  );
  // Touching a dark part of a map: the sum that the page computes itself equals the network's value.
  await page.locator('#layers .c1').press('ArrowDown');
  await waitForText(
    page,
    '#probe',
    /C1, map 0, row 1, column 0: (\d\.\d{3})\s.*rows 1–5, columns 0–4.*ReLU makes it \1\./s,
  );
  await page.locator('#layers .s4').press('ArrowRight');
  await waitForText(page, '#probe', /S4, map 0, row 0, column 1: \S+\s+Sees 16 × 16 pixels: rows 0–15, columns 4–19/);
  await page.locator('#clear').click();
  await waitForText(page, '#best', /–/);
  await drop(page, { name: 'one.png', bytes: pngOfOne() });
  await waitForText(page, '#best', /^1$/);
  await page.locator('#sketch').press('4');
  await waitForText(page, '#best', /^4$/);
  await finish();
});

test('trains on digits that the page generates, and classifies during training', { timeout: SLOW }, async () => {
  const { page, finish } = await openPage(browser, site, 'cnn/#tab=train&config=classic&batch=16&lr=0.006&seed=3');
  await waitForText(page, '#progress', /random weights/);
  await page.locator('#step').click();
  await waitForStep(page, 1);
  const first = await lossOf(page);
  await page.locator('#play').click();
  await waitForStep(page, 25);
  await pause(page);
  expect(await lossOf(page)).toBeLessThan(0.9 * first);
  await waitForText(page, '#held-out', /^\d+\.\d %$/);
  expect(await page.locator('#batch-samples figure').count()).toBe(16);
  expect(await page.locator('#wrong-samples figure').count()).toBeGreaterThan(0);

  // All settings can change during training, and the URL has them.
  await page.locator('#play').click();
  await page.locator('#batch').selectOption('8');
  await page.locator('#optimizer').selectOption('sgd');
  await page.locator('#rate').fill('0.01');
  const before = await stepsOf(page);
  await waitForStep(page, before + 3);
  await pause(page);
  expect(page.url()).toMatch(/#tab=train&config=classic&lr=0\.01&batch=8&optimizer=sgd&seed=3$/);

  // The network in training also classifies the digit, and a checkpoint restores the run.
  await page.locator('#ask-yours').check();
  await waitForText(page, '#mine-text', /takes your digit for a \d, with/);
  const steps = await stepsOf(page);
  const checkpoint = await download(page, '#save-checkpoint');
  expect(decodeCheckpoint(checkpoint.bytes)).toMatchObject({
    step: steps,
    optimizers: { step: { kind: 'SGD', hyperparameters: { learningRate: expect.closeTo(0.01) } } },
    settings: { config: 'classic', batchSize: 8, optimizer: 'sgd', seed: 3, data: 'generated' },
  });
  // Profiling does not advance the run.
  await page.locator('#profile').click();
  await page.locator('#profile-result tbody tr').nth(5).waitFor({ timeout: SLOW });
  expect(await page.locator('#profile-result').innerText()).toMatch(/^\d+ steps, \S+ ms: medians[^]*conv2d[^]* %/);
  const trace = JSON.parse(new TextDecoder().decode((await download(page, '#profile-result button')).bytes)) as {
    traceEvents: object[];
  };
  expect(trace.traceEvents.length).toBeGreaterThan(10);
  expect(await stepsOf(page)).toBe(steps);
  await page.setViewportSize({ width: 375, height: 700 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
  const weights = await download(page, '#save-weights');
  expect(readSafetensors(weights.bytes)).toMatchObject({ metadata: { model: 'lenet5', config: 'classic' } });
  await page.reload();
  await waitForText(page, '#progress', /random weights/);
  await drop(page, checkpoint);
  await waitForText(page, '#progress', new RegExp(`At step ${steps}\\.`));
  expect(await page.locator('#optimizer').inputValue()).toBe('sgd');
  await page.locator('#step').click();
  await waitForStep(page, steps + 1);
  await finish();
});

test(
  'a lost GPU, a learning rate that is too high, and invalid files are reported without breaking the page',
  { timeout: SLOW },
  async () => {
    const { page, finish } = await openPage(browser, site, 'cnn/#tab=train&batch=8');
    await waitForText(page, '#progress', /random weights/);
    const notices = '#notices';

    await drop(page, textFile('letter.txt', 'no picture'));
    await waitForText(page, notices, /letter\.txt is not an image/);
    await page.locator('#tab-train').click();

    const pictures = idx('train-images-idx3-ubyte', [40, 28, 28], (i) => (i % 7) * 30);
    const labels = idx('train-labels-idx1-ubyte', [40], (i) => i % 10);
    await drop(page, { ...pictures, bytes: pictures.bytes.subarray(0, 5000) }, labels);
    await waitForText(page, notices, /train-images-idx3-ubyte is truncated: 31376 bytes expected, 5000 found/);
    await drop(page, pictures);
    await waitForText(page, notices, /Drop train-labels-idx1-ubyte as well/);
    await drop(page, labels);
    await waitForText(page, '#train-data', /36 images of your MNIST files/);

    const foreign = writeSafetensors(
      new Map([['head.weight', { dtype: 'f32', shape: [1], data: Float32Array.of(1) }]]),
    );
    await drop(page, { name: 'other.safetensors', bytes: foreign });
    await waitForText(page, notices, /not for LeNet-5.*missing \(10\): c1\.weight.*unexpected \(1\): head\.weight/s);

    await page.locator('#play').click();
    await waitForStep(page, 2);
    await page.locator('#lose-device').click();
    await waitForText(page, '#log', /No step is lost/);
    await waitForStep(page, (await stepsOf(page)) + 2);
    await page.locator('#rate').fill('1e30');
    await waitForText(page, notices, /Training diverged: the loss of step \d+ is .* weights of step \d+ were restored/);
    await waitForText(page, '#play', /Play/);
    await page.getByRole('button', { name: 'Use 0.002' }).click();
    await page.locator('#step').click();
    await waitForStep(page, 1);
    await finish();
  },
);

test('nothing overflows on a phone, and drawing does not scroll', async () => {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
  const { page, finish } = await openPage(browser, site, 'cnn/', phone);
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await waitForText(page, '#best', /^\d$/);
  expect(await overflow()).toBeLessThanOrEqual(0);
  expect(await page.locator('#sketch').evaluate((sketch) => getComputedStyle(sketch).touchAction)).toBe('none');
  await page.locator('#layers .s2 canvas').nth(1).tap();
  await waitForText(page, '#probe', /S2, map 1, .*Sees 6 × 6 pixels/s);
  await page.locator('#tab-train').tap();
  await waitForText(page, '#progress', /random weights/);
  expect(await overflow()).toBeLessThanOrEqual(0);
  await page.goto(site.url);
  expect(await overflow()).toBeLessThanOrEqual(0);
  expect(await page.getByRole('link', { name: /CNN/ }).getAttribute('href')).toBe('cnn/');
  await finish();
});

test('without WebGPU it runs on the CPU, and says why', async () => {
  const { page, finish } = await openPage(browser, site, 'cnn/?device=cpu');
  await waitForText(page, '#banner', /CPU path.*\?device=cpu/s);
  await draw(page, SEVEN);
  await waitForText(page, '#best', /^7$/);
  await page.locator('#tab-train').click();
  await page.locator('#step').click();
  await waitForStep(page, 1);
  await finish();
});

test('without its weights it says so, and classifies once a network is trained', async () => {
  const { page, finish } = await openPage(browser, site, 'cnn/?device=cpu', {}, async (context) => {
    // Like servers that respond with a page to every request.
    await context.route('**/*.safetensors', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<p>Hello</p>' }),
    );
  });
  await waitForText(page, '#banner', /weights are missing.*Train tab/);
  await waitForText(page, '#certainty', /no network/);
  await page.locator('#tab-train').click();
  await page.locator('#step').click();
  await waitForStep(page, 1);
  await page.locator('#tab-draw').click();
  await waitForText(page, '#best', /^\d$/);
  await finish();
});

test('the banner says why the browser has no WebGPU', async () => {
  const elsewhere = { ...site, url: 'http://five-tigers.test/' };
  const { page, finish } = await openPage(browser, elsewhere, 'cnn/', {}, async (context) => {
    // Without https, no browser has WebGPU.
    await context.route(`${elsewhere.url}**`, async (route) => {
      const response = await route.fetch({ url: route.request().url().replace(elsewhere.url, site.url) });
      await route.fulfill({ response });
    });
  });
  await waitForText(page, '#banner', /CPU path.*WebGPU is not available here.*https/s);
  await waitForText(page, '#best', /^\d$/);
  await finish();
});

test('the development server serves the same page', async () => {
  const configFile = join(import.meta.dirname, '..', '..', 'vite.config.ts');
  const server = await createServer({ configFile, logLevel: 'warn', server: { port: 0, open: false } });
  await server.listen();
  const dev = { url: server.resolvedUrls!.local[0], close: () => server.close() };
  const { page, finish } = await openPage(browser, dev, 'cnn/?device=cpu');
  await waitForText(page, '#best', /^\d$/);
  await finish();
  await dev.close();
});
