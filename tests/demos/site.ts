// The demos as users get them: built, served and opened in a browser, with a check for errors.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { build, preview } from 'vite';

const root = join(import.meta.dirname, '..', '..');
const configFile = join(root, 'vite.config.ts');

/** A running server. */
export interface Site {
  /** Ends with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Builds the demos into a temporary folder, which `close()` removes, and serves it on a free port. */
export async function builtSite(): Promise<Site> {
  const outDir = await mkdtemp(join(tmpdir(), 'site-'));
  await build({ configFile, logLevel: 'warn', build: { outDir } });
  const server = await preview({ configFile, build: { outDir }, preview: { port: 0, open: false } });
  return {
    url: server.resolvedUrls!.local[0],
    async close() {
      await server.close();
      await rm(outDir, { recursive: true, force: true });
    },
  };
}

/** A page whose errors are recorded. */
export interface WatchedPage {
  readonly page: Page;
  /** Closes the page, and fails if there were console messages, errors, failed requests, or requests to other origins. */
  finish(): Promise<void>;
}

/** Opens a page in a new context, which `prepare` may configure. */
export async function openPage(
  browser: Browser,
  { url }: Pick<Site, 'url'>,
  path: string,
  options: BrowserContextOptions = {},
  prepare: (context: BrowserContext) => Promise<void> = async () => {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  await prepare(context);
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
  page.on('requestfailed', (request) => troubles.push(`failed: ${request.url()}`));
  page.on(
    'response',
    (response) => response.status() >= 400 && troubles.push(`${response.status()}: ${response.url()}`),
  );
  page.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(url))
      troubles.push(`elsewhere: ${request.url()}`);
  });
  await page.goto(url + path);
  return {
    page,
    async finish() {
      await context.close();
      if (troubles.length > 0) throw new Error(`The page had problems:\n${troubles.join('\n')}`);
    },
  };
}
