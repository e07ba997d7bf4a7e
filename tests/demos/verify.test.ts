// The verification page: runs all checks, filters, shows an op, and exports the report; says why without WebGPU.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../harness/chromium.ts';
import { download } from './cnn-page.ts';
import { builtSite, openPage, type Site } from './site.ts';

/** Milliseconds for a few kernels on a software GPU, in parallel with other tests. */
const SLOW = 180_000;
let browser: Browser;
let site: Site;

beforeAll(async () => {
  [site, browser] = await Promise.all([builtSite(), launchChromium()]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

test('checks the GPU at phone width, shows an op, filters, and exports the report', { timeout: SLOW }, async () => {
  const { page, finish } = await openPage(browser, site, 'verify/#op=add,sum,softmax', {
    viewport: { width: 375, height: 720 },
  });
  await page.locator('#start:enabled').click({ timeout: SLOW });
  await page.locator('#verdict', { hasText: /^Done: [\d,]+ comparisons, all right\.$/ }).waitFor({ timeout: SLOW });
  expect(await page.locator('#adapter').innerText()).toMatch(/swiftshader/i);
  expect(await page.locator('.op .name').allInnerTexts()).toEqual(['add', 'sum', 'softmax']);
  await page.locator('.op[data-op=sum] summary').click();
  // The rows are added on the toggle event, which may come a moment later.
  await expect.poll(() => page.locator('.op[data-op=sum] tbody tr').count()).toBeGreaterThan(10);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
  const { name, bytes } = await download(page, '#download');
  expect(name).toBe('five-tigers-verify.json');
  const { adapter, cases } = JSON.parse(new TextDecoder().decode(bytes)) as { adapter: string; cases: object[] };
  expect(adapter).toMatch(/swiftshader/i);
  expect(cases[0]).toMatchObject({ op: expect.any(String), direction: 'forward', ok: true });
  await page.locator('#failures').check();
  await expect.poll(() => page.locator('.op').count()).toBe(0);
  await finish();
});

test('without WebGPU says what is missing', async () => {
  const { page, finish } = await openPage(browser, site, 'verify/', {}, async (context) => {
    await context.route('**/*.js', async (route) => {
      const response = await route.fetch();
      const hide = "Object.defineProperty(navigator, 'gpu', { value: undefined });";
      await route.fulfill({ response, body: `${hide}\n${await response.text()}` });
    });
  });
  await page.locator('#problem', { hasText: /no WebGPU here/ }).waitFor({ timeout: 60_000 });
  expect(await page.locator('#start').isDisabled()).toBe(true);
  expect(await page.locator('#adapter').innerText()).toBe('No GPU to check');
  await finish();
});
