// Downloads in a real browser: cached in OPFS or the Cache API across reloads, resumed, and still loaded without room for a cache.

import { createHash } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build, type Rollup } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type * as Library from '../../src/weights/load-weights.ts';
import { writeSafetensors } from '../../src/weights/safetensors-writer.ts';
import { launchChromium } from '../harness/chromium.ts';
import { startFileServer, type FileServer, type Served } from '../harness/file-server.ts';

const MB = 1 << 20;

let library: Uint8Array;
let browser: Browser;
beforeAll(async () => {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: 'src/weights/load-weights.ts', formats: ['es'], fileName: 'library' },
    },
  })) as Rollup.RollupOutput[];
  library = new TextEncoder().encode(built[0].output[0].code);
  browser = await launchChromium();
});
afterAll(() => browser?.close());

let server: FileServer;
let context: BrowserContext;
beforeEach(async () => {
  const html = new TextEncoder().encode(
    `<!doctype html><link rel="icon" href="data:,">
    <script type="module">import * as weights from './library.js'; globalThis.weights = weights;</script>`,
  );
  server = await startFileServer({
    '/': { bytes: html, type: 'text/html' },
    '/library.js': { bytes: library, type: 'text/javascript' },
  });
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  await server.close();
});

/** A weights file of about `size` bytes, filled with `value`. */
const file = (size: number, value: number) =>
  writeSafetensors(
    new Map([['weight', { dtype: 'f32', shape: [size / 4], data: new Float32Array(size / 4).fill(value) }]]),
  );
const serve = (bytes: Uint8Array, more: Partial<Served> = {}) =>
  server.files.set('/w.safetensors', { bytes, etag: '"1"', ...more });
const gets = () => server.asked.filter(({ method, path }) => method === 'GET' && path === '/w.safetensors');

/** What the page's script returns. */
interface Outcome {
  readonly first: number;
  readonly notices: string[];
}

async function openPage({ withoutOpfs = false } = {}): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${server.url}/`);
  if (withoutOpfs) await page.evaluate(() => Reflect.deleteProperty(FileSystemFileHandle.prototype, 'createWritable'));
  return page;
}

/** Opens the weights in the page and reads the first value. */
const read = (page: Page, sha256?: string): Promise<Outcome> =>
  page.evaluate(async (sha256) => {
    const { openWeights } = (globalThis as unknown as { weights: typeof Library }).weights;
    const notices: string[] = [];
    const onNotice = (text: string) => notices.push(text);
    const source = await openWeights(new URL('/w.safetensors', location.href), { sha256, retryDelay: 1, onNotice });
    const { data } = await source.read('weight');
    return { first: data[0], notices };
  }, sha256);

test.each([{ withoutOpfs: false }, { withoutOpfs: true }])(
  'a download survives a reload and is used offline: %j',
  async (how) => {
    const bytes = file(MB, 5);
    serve(bytes, { cuts: [MB / 2] });
    const page = await openPage(how);
    const hash = createHash('sha256').update(bytes).digest('hex');
    expect(await read(page, hash)).toEqual({ first: 5, notices: [] });
    expect(gets().length).toBe(2);
    await page.close();
    server.files.delete('/w.safetensors');
    expect(await read(await openPage(how), hash)).toEqual({ first: 5, notices: [] });
    expect((await read(await openPage(how))).notices).toEqual([
      expect.stringMatching(/Using the cached copy of .*responded 404/),
    ]);
    expect(gets().length).toBe(2);
  },
);

test('a tab closed during a download loses at most one piece', async () => {
  const bytes = file(48 * MB, 7);
  serve(bytes, { cuts: [40 * MB, 0, 0, 0, 0, 0] });
  const page = await openPage();
  await expect(read(page)).rejects.toThrow(/stopped at byte/);
  await page.close();
  serve(bytes);
  const hash = createHash('sha256').update(bytes).digest('hex');
  expect(await read(await openPage(), hash)).toEqual({ first: 7, notices: [] });
  expect(Number(/^bytes=(\d+)-/.exec(gets().at(-1)!.range ?? '')?.[1])).toBeGreaterThanOrEqual(32 * MB);
});

test('a newer version replaces the cached one and leaves no stale files', async () => {
  serve(file(MB, 1));
  const page = await openPage();
  await read(page);
  const bytes = file(MB, 2);
  serve(bytes, { etag: '"2"' });
  expect((await read(page, createHash('sha256').update(bytes).digest('hex'))).first).toBe(2);
  const names = await page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('five-tigers');
    const found: string[] = [];
    for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) found.push(name);
    return found;
  });
  // One piece and its manifest.
  expect(names.length).toBe(2);
});

test('without room for the cache, weights are loaded and a notice is given', async () => {
  serve(file(4 * MB, 9));
  const page = await openPage();
  const session = await context.newCDPSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: MB });
  const { first, notices } = await read(page);
  expect(first).toBe(9);
  expect(notices).toEqual([
    expect.stringMatching(/cannot be cached in the browser's file system .*downloaded again next time/),
  ]);
});
