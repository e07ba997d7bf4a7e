// Version numbers, for --version and for bug reports.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

const versionIn = (file: string): string => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;

/** This package's version. */
export const version = versionIn(require.resolve('five-tigers/package.json'));

/** Versions of this package, the runtime, and Dawn if it is installed. */
export function versions(): Record<string, string> {
  if (process.versions.deno) return { 'five-tigers': version, deno: process.versions.deno };
  const found: Record<string, string> = { 'five-tigers': version, node: process.versions.node };
  try {
    found.webgpu = versionIn(join(dirname(require.resolve('webgpu')), 'package.json'));
  } catch {
    // The peer package is optional.
  }
  return found;
}
