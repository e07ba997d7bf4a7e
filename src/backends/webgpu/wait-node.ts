// Waits for Dawn in Node without taking a core from a software adapter, which computes on the same cores.

/** Naps are at most this fraction of the time waited so far, which bounds the delay that they add. */
const PART = 1 / 16;
/** Longest nap in milliseconds: it blocks everything else in the process. */
const LONGEST = 1;

const never = new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let since = 0;
let napping = false;

function nap(): void {
  napping = waiting > 0;
  if (!napping) return;
  Atomics.wait(never, 0, 0, Math.min(LONGEST, PART * (performance.now() - since)));
  setImmediate(nap);
}

/**
 * Awaits `work` while this thread sleeps between polls. Without this, Dawn's bindings poll for results in every turn of
 * the event loop, which takes a whole core.
 */
export async function waitAsleep<T>(work: Promise<T>): Promise<T> {
  waiting++;
  since = performance.now();
  if (!napping) {
    napping = true;
    setImmediate(nap);
  }
  try {
    return await work;
  } finally {
    waiting--;
  }
}
