// Takes the screenshots for the README and the landing page: `npx tsx tests/demos/take-pictures.ts`.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { launchChromium } from '../harness/chromium.ts';
import { pause, waitForStep, waitForText } from './cnn-page.ts';
import { builtSite, openPage } from './site.ts';

const folder = join(import.meta.dirname, '..', '..', 'demos', 'pictures');
/** Training steps before the screenshot, enough for meaningful curves. */
const STEPS = 300;

async function takePictures(): Promise<void> {
  await mkdir(folder, { recursive: true });
  const [site, browser] = await Promise.all([builtSite(), launchChromium()]);
  const open = (path: string, colorScheme: 'light' | 'dark', width: number) =>
    openPage(browser, site, path, { colorScheme, viewport: { width, height: 860 } });
  const save = (name: string) => join(folder, `${name}.png`);

  const answered = async (page: Page) => {
    await waitForText(page, '#best', /^3$/);
    // The example digit is complete.
    await page.waitForTimeout(1500);
  };
  const draw = await open('cnn/', 'light', 1280);
  await answered(draw.page);
  const map = draw.page.locator('#layers .c1 canvas').nth(1);
  const { width } = (await map.boundingBox())!;
  await map.hover({ position: { x: 0.52 * width, y: 0.5 * width } });
  await draw.page.screenshot({ path: save('cnn-draw') });
  await draw.finish();

  for (const scheme of ['light', 'dark'] as const) {
    const { page, finish } = await open('cnn/', scheme, 760);
    await answered(page);
    // The probe would cover the maps.
    await page.addStyleTag({ content: '.probe { display: none }' });
    await page.locator('#layers .c1').screenshot({ path: save(`cnn-maps-${scheme}`) });
    await finish();
  }

  const train = await open('cnn/#tab=train&batch=32', 'light', 1280);
  await waitForText(train.page, '#progress', /random weights/);
  await train.page.locator('#play').click();
  await waitForStep(train.page, STEPS, 1000 * STEPS);
  await pause(train.page);
  await train.page.screenshot({ path: save('cnn-train') });
  await train.finish();

  const check = await open('verify/', 'light', 1280);
  await check.page.locator('#start:enabled').click();
  await check.page.locator('#verdict', { hasText: 'Done' }).waitFor({ timeout: 600_000 });
  await check.page.locator('.op[data-op=matmul] summary').click();
  await check.page.screenshot({ path: save('verify') });
  await check.finish();

  const timed = await open(
    'bench/#cases=rows,softmax 1024x1024,matmul 256x256x256 NN,elementwise,models',
    'light',
    1280,
  );
  await timed.page.locator('#variants').check();
  await timed.page.locator('#start:enabled').click();
  await timed.page.locator('#state', { hasText: 'Done' }).waitFor({ timeout: 600_000 });
  await timed.page.locator('#results').scrollIntoViewIfNeeded();
  await timed.page.screenshot({ path: save('bench'), fullPage: true });
  await timed.finish();
  await browser.close();
  await site.close();
}

await takePictures();
