// Runs commands like a user, in this process if possible, and writes small MNIST files for them.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { RandomSource } from '../../src/node.ts';

const root = join(import.meta.dirname, '..', '..');

/** The result of a command. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process. */
export async function run(...args: string[]): Promise<Outcome> {
  const [out, err]: string[][] = [[], []];
  const terminal = {
    result: (text: string) => void out.push(`${text}\n`),
    piece: (text: string) => void out.push(text),
    note: (text: string) => void err.push(`${text}\n`),
    interactive: false,
  };
  const code = await runCli(args, terminal);
  return { code, stdout: out.join(''), stderr: err.join('') };
}

/** Starts a command in a separate process. `outcome` resolves when it ends. */
export function start(...args: string[]): { child: ChildProcess; outcome: Promise<Outcome> } {
  const main = join(root, 'src', 'cli', 'main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { cwd: root });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (part: string) => (text[name] += part));
  }
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      if (code === null) reject(new Error(`Ended by ${signal}: ${text.stderr}`));
      else resolve({ code, ...text });
    });
  });
  return { child, outcome };
}

/** Parses output with one JSON object per line. */
export const jsonLines = ({ stdout }: Outcome): Record<string, unknown>[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The losses in the output of `train --json`. */
export const lossesIn = (outcome: Outcome): unknown[] =>
  jsonLines(outcome)
    .filter(({ event }) => event === 'step')
    .map(({ loss }) => loss);

/** A temporary folder for the tests of a file; `folder()` is its path. */
export function temporaryFolder(): () => string {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'five-tigers-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return () => folder;
}

/** An IDX file of unsigned bytes. */
export function idxFile(shape: readonly number[], data: Uint8Array): Uint8Array {
  const file = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  shape.forEach((dim, i) => view.setUint32(4 + 4 * i, dim));
  file.set(data, 4 + 4 * shape.length);
  return file;
}

/** Writes MNIST's four files with a few images of `side` pixels: for class n, a bar at its own height on noise. */
export async function writeSmallMnist(folder: string, side = 28): Promise<void> {
  const random = new RandomSource(11);
  for (const [part, count] of [
    ['train', 24],
    ['t10k', 20],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    const images = Uint8Array.from({ length: count * side * side }, () => random.integer(40));
    labels.forEach((label, i) => {
      const row = i * side * side + side * Math.floor(((2 * label + 4) * side) / 28);
      images.fill(250, row + Math.floor((6 * side) / 28), row + Math.floor((22 * side) / 28));
    });
    await writeFile(join(folder, `${part}-images-idx3-ubyte`), idxFile([count, side, side], images));
    await writeFile(join(folder, `${part}-labels-idx1-ubyte`), idxFile([count], labels));
  }
}
