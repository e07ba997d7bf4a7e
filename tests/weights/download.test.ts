// Downloads from a local server: resumed, verified, cached, used offline; and the hub's ids, revisions and shards.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  folderCache,
  Linear,
  loadWeights,
  readBytes,
  writeSafetensors,
  type FileCache,
  type LoadOptions,
  type TensorData,
} from '../../src/node.ts';
import { startFileServer, type FileServer, type Served } from '../harness/file-server.ts';

const WIDTH = 200;
const tensor = (shape: number[], start: number): TensorData => {
  const size = shape.reduce((a, b) => a * b, 1);
  return { dtype: 'f32', shape, data: Float32Array.from({ length: size }, (_, i) => start + i) };
};
const weightsFile = (start = 0) =>
  writeSafetensors(
    new Map([
      ['weight', tensor([WIDTH, WIDTH], start)],
      ['bias', tensor([WIDTH], start)],
    ]),
  );
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let folder: string;
let cache: FileCache;
let server: FileServer;
let notices: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'five-tigers-'));
  cache = folderCache(folder);
  server = await startFileServer();
  notices = [];
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const serve = (path: string, bytes: Uint8Array, more: Partial<Served> = {}) =>
  server.files.set(path, { bytes, etag: '"1"', ...more });
/** Where each request after the first resumed. A lost connection drops data in flight, so the exact byte varies. */
const resumedAt = () =>
  gets()
    .slice(1)
    .map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]));
const gets = () => server.asked.filter(({ method }) => method === 'GET');

/** Loads into a new model; returns the first weight and the report. */
async function load(input: string | URL, options: LoadOptions = {}) {
  const model = new Linear(WIDTH, WIDTH);
  const onNotice = (text: string) => notices.push(text);
  const report = await loadWeights(model, input, { cache, retryDelay: 1, onNotice, ...options });
  return { report, first: (await model.weight.read()).data[0] };
}

describe('a URL', () => {
  const url = () => `${server.url}/model.safetensors`;

  test('is fetched once, reports progress in bytes, and is available offline', async () => {
    const bytes = weightsFile(5);
    serve('/model.safetensors', bytes);
    const seen: [number, number | null][] = [];
    const onProgress: LoadOptions['onProgress'] = ({ phase, loaded, total }) =>
      phase === 'download' && seen.push([loaded, total]);
    expect((await load(url(), { onProgress })).first).toBe(5);
    expect(seen.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(seen.map(([loaded]) => loaded)).toEqual(seen.map(([loaded]) => loaded).sort((a, b) => a - b));
    const { report } = await load(url());
    expect(gets().length).toBe(1);
    expect(report).toMatchObject({ notices: [], newer: null });
    await server.close();
    expect((await load(url())).first).toBe(5);
    expect(notices).toEqual([expect.stringMatching(/Using the cached copy of .*could not check for a newer version/)]);
  });

  test('is resumed where the connection was lost', async () => {
    const bytes = weightsFile(7);
    serve('/model.safetensors', bytes, { cuts: [50_000, 30_000] });
    expect((await load(url(), { sha256: sha256(bytes) })).first).toBe(7);
    const [first, second] = resumedAt();
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(50_000);
    expect(second).toBeGreaterThan(first);
    expect(gets().length).toBe(3);
  });

  test('is resumed after the server stalls', async () => {
    const bytes = weightsFile(7);
    serve('/model.safetensors', bytes, { stalls: [50_000] });
    expect((await load(url(), { sha256: sha256(bytes), stallTimeout: 3000 })).first).toBe(7);
    expect(resumedAt()[0]).toBeGreaterThan(0);
  });

  test('is complete for both of two simultaneous loads', async () => {
    serve('/model.safetensors', weightsFile(6));
    const both = await Promise.all([load(url()), load(url())]);
    expect(both.map(({ first }) => first)).toEqual([6, 6]);
    expect(notices).toEqual([]);
    const left = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(left.map(({ name }) => name).sort()).toEqual(['model.safetensors', 'model.safetensors.json']);
  });

  test('is resumed although a killed process left its lock', async () => {
    serve('/model.safetensors', weightsFile(6), { cuts: [50_000, 0, 0, 0, 0, 0] });
    await expect(load(url())).rejects.toThrow(/the download stopped/);
    const [part] = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(({ name }) =>
      name.endsWith('.part'),
    );
    // Above the maximum process id.
    await writeFile(join(part.parentPath, 'model.safetensors.lock'), String(2 ** 22 + 1));
    serve('/model.safetensors', weightsFile(6));
    expect((await load(url())).first).toBe(6);
    expect(resumedAt().at(-1)).toBeGreaterThan(0);
  });

  test('is resumed by the next call after a download failed', async () => {
    const bytes = weightsFile(7);
    serve('/model.safetensors', bytes, { cuts: [50_000, 0, 0, 0, 0, 0] });
    await expect(load(url())).rejects.toThrow(
      /stopped at byte [1-9]\d* of 160944.*The next attempt resumes from there/s,
    );
    const last = resumedAt().at(-1);
    serve('/model.safetensors', bytes);
    expect((await load(url(), { sha256: sha256(bytes) })).first).toBe(7);
    expect(last).toBeGreaterThan(0);
    expect(resumedAt().at(-1)).toBe(last);
  });

  test('is downloaded from the start if the file changed after an interruption', async () => {
    serve('/model.safetensors', weightsFile(1), { cuts: [50_000, 0, 0, 0, 0, 0] });
    await expect(load(url())).rejects.toThrow(/the download stopped/);
    const bytes = weightsFile(2);
    serve('/model.safetensors', bytes, { etag: '"2"' });
    expect((await load(url(), { sha256: sha256(bytes) })).first).toBe(2);
  });

  test('is downloaded from the start if the server does not support ranges', async () => {
    serve('/model.safetensors', weightsFile(3), { cuts: [50_000], ranges: false });
    expect((await load(url())).first).toBe(3);
    expect(gets().length).toBe(2);
  });

  test('with a wrong checksum is deleted, and the error has both checksums', async () => {
    const bytes = weightsFile();
    serve('/model.safetensors', bytes);
    const damaged = bytes.slice();
    damaged[100_000] ^= 1;
    const expected = sha256(damaged);
    await expect(load(url(), { sha256: expected })).rejects.toThrow(
      `${url()}: the SHA-256 is ${sha256(bytes)}, but ${expected} was expected. The file is corrupt or has changed, and was deleted`,
    );
    const left = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
    serve('/model.safetensors', damaged);
    await load(url(), { sha256: expected });
  });

  test('with a newer version on the server uses the cache and reports it; update fetches it', async () => {
    serve('/model.safetensors', weightsFile(1));
    await load(url());
    serve('/model.safetensors', weightsFile(2), { etag: '"2"' });
    const kept = await load(url());
    expect([kept.first, kept.report.newer]).toEqual([1, '"2"']);
    const updated = await load(url(), { update: true });
    expect([updated.first, updated.report.newer]).toEqual([2, null]);
    expect((await load(url())).first).toBe(2);
  });

  test('without a cache is read by range requests for the needed parts only', async () => {
    const big = writeSafetensors(
      new Map([
        ['weight', tensor([WIDTH, WIDTH], 4)],
        ['bias', tensor([WIDTH], 4)],
        ['other', tensor([1 << 18], 0)],
      ]),
    );
    serve('/model.safetensors', big);
    const { first } = await load(url(), { cache: null, ignore: /^other$/ });
    expect(first).toBe(4);
    expect(gets().every(({ range }) => range !== null)).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  test('that is missing, forbidden or unreachable fails with the reason', async () => {
    await expect(load(url())).rejects.toThrow(`${url()}: the server has no such file`);
    serve('/model.safetensors', weightsFile(), { status: 403 });
    await expect(load(url())).rejects.toThrow(/access is denied/);
    serve('/model.safetensors', weightsFile(), { status: 503 });
    await expect(load(url())).rejects.toThrow(/stopped at byte 0.*responded 503/);
    await server.close();
    await expect(load(url())).rejects.toThrow(/stopped at byte 0.*ECONNREFUSED/);
  });

  test('keeps the received bytes when cancelled', async () => {
    serve('/model.safetensors', weightsFile(6), { cuts: [50_000, 0, 0, 0, 0, 0] });
    const controller = new AbortController();
    const onProgress: LoadOptions['onProgress'] = ({ loaded }) =>
      void (loaded > 0 && controller.abort(new Error('enough')));
    await expect(load(url(), { onProgress, signal: controller.signal })).rejects.toThrow('enough');
    serve('/model.safetensors', weightsFile(6));
    server.asked.length = 0;
    expect((await load(url())).first).toBe(6);
    expect(gets()[0].range).toMatch(/^bytes=\d+-$/);
  });
});

describe('a cache that fails', () => {
  const url = () => `${server.url}/model.safetensors`;

  test('by filling up is reported once; the load succeeds and no file is left', async () => {
    serve('/model.safetensors', weightsFile(8), { cuts: [60_000] });
    const full: FileCache = {
      ...cache,
      async begin(key) {
        const file = await cache.begin(key);
        const limited: typeof file = Object.create(file, {
          append: {
            value: async (bytes: Uint8Array) => {
              if (file.size + bytes.length > 40_000)
                throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
              await file.append(bytes);
            },
          },
        });
        return limited;
      },
    };
    const { first, report } = await load(url(), { cache: full, sha256: sha256(weightsFile(8)) });
    expect(first).toBe(8);
    expect(report.notices).toEqual([
      expect.stringMatching(
        /model\.safetensors cannot be cached in .*no space left.*It is loaded anyway, but will be downloaded again next time/,
      ),
    ]);
    const left = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  test('because it is not writable is reported; the load succeeds', async () => {
    serve('/model.safetensors', weightsFile(9));
    await writeFile(join(folder, 'taken'), '');
    expect((await load(url(), { cache: folderCache(join(folder, 'taken')) })).first).toBe(9);
    expect(notices).toEqual([expect.stringMatching(/cannot be cached in .*taken/)]);
  });

  test('because a cached file was truncated downloads it again', async () => {
    serve('/model.safetensors', weightsFile(1));
    await load(url());
    const [entry] = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
      ({ name }) => name === 'model.safetensors',
    );
    const path = join(entry.parentPath, entry.name);
    await writeFile(path, (await readFile(path)).subarray(0, 1000));
    expect((await load(url())).first).toBe(1);
    expect(gets().length).toBe(2);
  });
});

describe('a Hugging Face id', () => {
  const hub = (): LoadOptions => ({ hubUrl: server.url });
  /** Publishes a commit of org/name on the server. */
  function publish(commit: string, files: Record<string, Uint8Array>, more: Partial<Served> = {}): void {
    const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      lfs: { sha256: sha256(bytes), size: bytes.length },
    }));
    const listing = new TextEncoder().encode(JSON.stringify({ sha: commit, siblings }));
    for (const revision of ['main', commit]) serve(`/api/models/org/name/revision/${revision}?blobs=true`, listing);
    for (const [name, bytes] of Object.entries(files)) serve(`/org/name/resolve/${commit}/${name}`, bytes, more);
  }

  test('finds the weights of a model, sends the token, and works offline afterwards', async () => {
    publish('c1', {
      'config.json': new Uint8Array(2),
      'model.safetensors': weightsFile(3),
      'pytorch_model.bin': new Uint8Array(9),
    });
    expect((await load('org/name', { ...hub(), token: 'secret' })).first).toBe(3);
    expect(gets().map(({ path }) => path)).toEqual([
      '/api/models/org/name/revision/main?blobs=true',
      '/org/name/resolve/c1/model.safetensors',
    ]);
    expect(gets().every(({ authorization }) => authorization === 'Bearer secret')).toBe(true);
    await server.close();
    const offline = await load('org/name', hub());
    expect(offline.first).toBe(3);
    expect(notices).toEqual([expect.stringMatching(/Using the cached copy of org\/name/)]);
    await expect(load('org/other', hub())).rejects.toThrow(
      /org\/other: Hugging Face cannot be reached.*no copy is cached/,
    );
  });

  test('may name a revision and a file; the error suggests a file', async () => {
    publish('c1', { 'onnx/other.safetensors': weightsFile(4) });
    expect((await load('org/name@c1/onnx/other.safetensors', hub())).first).toBe(4);
    expect((await load('org/name/onnx/other.safetensors', hub())).first).toBe(4);
    await expect(load('org/name', hub())).rejects.toThrow(
      /holds none of model\.safetensors.*such as org\/name\/onnx\/other\.safetensors/,
    );
    await expect(load('org/name/absent.safetensors', hub())).rejects.toThrow('There is no file absent.safetensors');
  });

  test('deletes a download that fails the hub’s checksum', async () => {
    publish('c1', { 'model.safetensors': weightsFile(4) });
    const damaged = weightsFile(4);
    damaged[1000] ^= 1;
    serve('/org/name/resolve/c1/model.safetensors', damaged);
    await expect(load('org/name', hub())).rejects.toThrow(/org\/name\/model\.safetensors: the SHA-256 is .* deleted/);
  });

  test('reports a newer commit and fetches it with update, unless the content is unchanged', async () => {
    publish('c1', { 'model.safetensors': weightsFile(1) });
    await load('org/name', hub());
    publish('c2', { 'model.safetensors': weightsFile(2) });
    const kept = await load('org/name', hub());
    expect([kept.first, kept.report.newer]).toEqual([1, 'c2']);
    const updated = await load('org/name', { ...hub(), update: true });
    expect([updated.first, updated.report.newer]).toEqual([2, null]);
    publish('c3', { 'model.safetensors': weightsFile(2) });
    const requests = gets().length;
    expect((await load('org/name', { ...hub(), update: true })).first).toBe(2);
    expect(gets().length).toBe(requests + 1);
  });

  test('loads shards by their index, all from one commit; a missing one is named', async () => {
    const parts = {
      'model.safetensors.index.json': new TextEncoder().encode(
        JSON.stringify({ weight_map: { weight: 'a.safetensors', bias: 'b.safetensors' } }),
      ),
      'a.safetensors': writeSafetensors(new Map([['weight', tensor([WIDTH, WIDTH], 6)]])),
      'b.safetensors': writeSafetensors(new Map([['bias', tensor([WIDTH], 6)]])),
    };
    publish('c1', parts);
    const { first, report } = await load('org/name', hub());
    expect([first, report.format]).toEqual([6, 'safetensors, 2 files']);
    publish('c2', {
      'model.safetensors.index.json': parts['model.safetensors.index.json'],
      'a.safetensors': parts['a.safetensors'],
    });
    expect((await load('org/name', hub())).report.newer).toBe('c2');
    await expect(load('org/name', { ...hub(), update: true })).rejects.toThrow(
      /names 2 files, but b\.safetensors is missing/,
    );
  });

  test('reads other files of a model, also offline', async () => {
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    publish('c1', { 'tokenizer.json': new TextEncoder().encode('{}') });
    expect(text(await readBytes('org/name/tokenizer.json', { cache, ...hub() }))).toBe('{}');
    await expect(readBytes('org/name/absent.json', { cache, ...hub() })).rejects.toThrow(
      'There is no file org/name/absent.json',
    );
    await server.close();
    expect(text(await readBytes('org/name/tokenizer.json', { cache, ...hub() }))).toBe('{}');
  });

  test('fails with the reason if the model is unknown or gated', async () => {
    await expect(load('org/name', hub())).rejects.toThrow(/There is no model org\/name at revision main.*private/);
    serve('/api/models/org/name/revision/main?blobs=true', new Uint8Array(0), { status: 403 });
    await expect(load('org/name', hub())).rejects.toThrow(/gated: accept its terms/);
  });

  test('is not looked up if the text is a path', async () => {
    await writeFile(join(folder, 'w.safetensors'), weightsFile(11));
    expect((await load(join(folder, 'w.safetensors'), hub())).first).toBe(11);
    await expect(load('no/such.safetensors', hub())).rejects.toThrow('there is no folder no.');
    expect(server.asked).toEqual([]);
  });
});
