// The benchmark page: a tiny run with table, chart, variants and WGSL; results saved, compared and shared by link.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BenchReport } from '../../src/node.ts';
import { temporaryFolder } from '../cli/cli.ts';
import { launchChromium } from '../harness/chromium.ts';
import { download } from './cnn-page.ts';
import { builtSite, openPage, type Site } from './site.ts';

/** Milliseconds for a few kernels on a software GPU, in parallel with other tests. */
const SLOW = 180_000;
let browser: Browser;
let site: Site;
const folder = temporaryFolder();

beforeAll(async () => {
  [site, browser] = await Promise.all([builtSite(), launchChromium()]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

test('runs at phone width, shows chart, variants and WGSL, compares a file, shares a link, and tunes', { timeout: SLOW }, async () => {
  const cases = 'sum 1048576,matmul 100x300x77 NN';
  const { page, finish } = await openPage(browser, site, `bench/#seconds=0.02&cases=${encodeURIComponent(cases)}`, {
    viewport: { width: 375, height: 720 },
    permissions: ['clipboard-write'],
  });
  await page.locator('#variants').check();
  await page.locator('#start:enabled').click({ timeout: SLOW });
  await page.locator('#state', { hasText: /^Done: \d+ rows\.$/ }).waitFor({ timeout: SLOW });
  expect(await page.locator('#whose').innerText()).toMatch(/swiftshader/i);
  const rows = await page.locator('#table tbody tr').count();
  expect(rows).toBeGreaterThan(4);
  expect(await page.locator('#roofline .dot').count()).toBe(rows);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
  await page.locator('#roofline .dot').first().hover();
  expect(await page.locator('#tooltip').innerText()).toMatch(/^\S.*\n[\d.]+ ms\n[\d.]+ GFLOP\/s\n/);

  await page.locator('.bar', { hasText: 'splits.tree' }).click();
  await page.locator('#source h2', { hasText: /^sum 1048576: splits.tree$/ }).waitFor();
  expect(await page.locator('#source pre').first().innerText()).toMatch(/var<storage, read>[^]*@compute/);
  await page.locator('#source-profile').click();
  await page.locator('#profile-result tbody tr').waitFor({ timeout: SLOW });
  expect(await page.locator('#profile-result').innerText()).toMatch(/sum\.splits\.tree/);
  await page.locator('#source-close').click();

  const { name, bytes } = await download(page, '#download');
  expect(name).toBe('five-tigers-bench.json');
  const report = JSON.parse(new TextDecoder().decode(bytes)) as BenchReport;
  expect(report.rows).toHaveLength(rows);
  const adapter = { ...report.adapter, description: 'Another GPU' };
  const slower = report.rows.map((row) => ({ ...row, milliseconds: 2 * row.milliseconds }));
  const [other, broken] = ['other.json', 'broken.json'].map((file) => join(folder(), file));
  await writeFile(other, JSON.stringify({ ...report, adapter, rows: slower }));
  await writeFile(broken, '{}');
  await page.locator('#compare').setInputFiles(broken);
  await page.locator('#problem', { hasText: 'broken.json is not a bench report' }).waitFor();
  await page.locator('#compare').setInputFiles(other);
  await page.locator('#comparison', { hasText: `2.00× as fast as Another GPU: the geometric mean over ${rows} cases.` }).waitFor(); // prettier-ignore
  expect(await page.locator('#table td.faster').count()).toBe(rows);
  await page.locator('#link').click();
  await page.locator('#link', { hasText: /Copied|address bar/ }).waitFor();
  const { hash } = new URL(page.url());
  expect(hash.length).toBeLessThan(2000);

  await page.locator('#tune').click();
  await page.locator('#state', { hasText: 'Tuned: 2 new or changed choices.' }).waitFor({ timeout: SLOW });
  await page.reload();
  await page.locator('#tuning', { hasText: '2 kernels are chosen by what was measured' }).waitFor();
  await page.locator('#forget').click();
  await page.locator('#tuning').waitFor({ state: 'hidden' });
  await finish();

  // Another user opens the link.
  const guest = await openPage(browser, site, `bench/${hash}`);
  await guest.page.locator('#whose', { hasText: /swiftshader/i }).waitFor();
  expect(await guest.page.locator('#table tbody tr').count()).toBe(rows);
  await guest.finish();
  const cut = await openPage(browser, site, `bench/${hash.slice(0, -40)}`);
  await cut.page.locator('#problem', { hasText: 'it may have been cut' }).waitFor();
  await cut.finish();
}); // prettier-ignore
