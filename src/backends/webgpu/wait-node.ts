// Waits for Dawn in Node without taking a core from a software adapter, which computes on the same cores.

/** No nap is a larger part than this of the time waited so far: so much later, at most, a wait ends. */
const PART = 1 / 16;
/** Milliseconds of the longest nap: everything else in the process waits for its end. */
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
 * `work`, during which this thread sleeps between two looks at what has happened. By itself it does not: Dawn's bindings
 * ask for results in every turn of the event loop as long as any are due, which takes a whole core.
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
