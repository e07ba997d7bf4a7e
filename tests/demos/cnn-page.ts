// User actions on the LeNet-5 page.

import type { Page } from 'playwright-core';

/** Milliseconds to wait for a software GPU, in parallel with other tests. */
const PATIENCE = 45_000;

/** A stroke in the shape of a seven, as fractions of the paper's width. */
export const SEVEN = [
  [0.25, 0.25],
  [0.75, 0.25],
  [0.45, 0.82],
] as const;

/** Draws a stroke through `points`. */
export async function draw(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const box = (await page.locator('#sketch').boundingBox())!;
  const [[x, y], ...rest] = points.map(([px, py]) => [box.x + px * box.width, box.y + py * box.height]);
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (const [toX, toY] of rest) await page.mouse.move(toX, toY, { steps: 8 });
  await page.mouse.up();
}

/** Polls until the value passes `fits`. */
async function waitUntil<T>(
  what: string,
  read: () => Promise<T>,
  fits: (found: T) => boolean,
  patience = PATIENCE,
): Promise<void> {
  const deadline = performance.now() + patience;
  for (let found = await read(); !fits(found); found = await read()) {
    if (performance.now() > deadline) throw new Error(`${what} is still ${JSON.stringify(found)}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until the text of `selector` matches. */
export const waitForText = (page: Page, selector: string, pattern: RegExp): Promise<void> =>
  waitUntil(
    `${selector}, which should match ${pattern},`,
    () => page.locator(selector).innerText(),
    (text) => pattern.test(text),
  );

/** A file to drop. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Drops files on the page. */
export async function drop(page: Page, ...files: readonly NamedBytes[]): Promise<void> {
  const sent = files.map(({ name, bytes }) => ({ name, bytes: [...bytes] }));
  await page.evaluate((dropped) => {
    const dataTransfer = new DataTransfer();
    for (const { name, bytes } of dropped) dataTransfer.items.add(new File([Uint8Array.from(bytes)], name));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  }, sent);
}

const progressOf = async (page: Page, what: 'step' | 'loss') =>
  Number(await page.locator('#progress').getAttribute(`data-${what}`));

/** The number of steps done. */
export const stepsOf = (page: Page): Promise<number> => progressOf(page, 'step');

/** The mean loss of the last steps. */
export const lossOf = (page: Page): Promise<number> => progressOf(page, 'loss');

/** Waits up to `patience` milliseconds until `count` steps are done. */
export const waitForStep = (page: Page, count: number, patience = PATIENCE): Promise<void> =>
  waitUntil(
    `the run, which should come to step ${count},`,
    () => stepsOf(page),
    (steps) => steps >= count,
    patience,
  );

/** Presses Pause and waits until the run stops. */
export async function pause(page: Page): Promise<void> {
  await page.locator('#play').click();
  await waitForText(page, '#play', /Play/);
}

/** Clicks a download button and returns the file. */
export async function download(page: Page, selector: string): Promise<NamedBytes> {
  const [file] = await Promise.all([
    page.waitForEvent('download', { timeout: PATIENCE }),
    page.locator(selector).click(),
  ]);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk);
  return { name: file.suggestedFilename(), bytes: Buffer.concat(chunks) };
}
