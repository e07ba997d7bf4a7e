// Serves and builds the demos, and runs the tests.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;
const demos = join(root, 'demos');

/** Every HTML page of the demos, at any depth, is an entry of the built site. */
const pages = () =>
  readdirSync(demos, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html'))
    .map((file) => join(demos, file));

// A machine without a display has no browser to open: there the printed address has to do.
const hasDisplay = process.platform !== 'linux' || !!(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

export default defineConfig(({ command, isPreview }) => ({
  root: demos,
  base: './',
  server: {
    open: hasDisplay && !!process.stdout.isTTY && !process.env.CI,
    fs: { allow: [root] },
  },
  worker: { format: 'es' },
  build: {
    outDir: join(root, 'site'),
    emptyOutDir: true,
    target: 'es2022',
    rolldownOptions: command === 'build' && !isPreview ? { input: pages() } : {},
  },
  test: {
    root,
    include: ['tests/**/*.test.ts'],
    environment: 'node',
    globalSetup: 'tests/harness/choose-adapter.ts',
    pool: 'forks',
    // A software adapter uses several threads a process, so more processes than this only get in each other's way.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
}));
