// The page's end of the line to its worker.

import type { Of, Reply, Request } from './protocol.ts';

type Listener<T extends Reply['type']> = (reply: Of<Reply, T>) => void;

/** Sends requests to a worker and hands its replies to whoever listens. */
export class Client {
  readonly #worker = new Worker(new URL('./worker/worker.ts', import.meta.url), {
    type: 'module',
    name: 'five-tigers',
  });
  readonly #listeners = new Map<string, ((reply: never) => void)[]>();

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#deliver(data);
    this.#worker.onerror = ({ message }) => {
      this.#deliver({
        type: 'problem',
        title: 'The worker stopped',
        message: `${message || 'It could not be started'}. Reload the page.`,
      });
    };
  }

  /** Calls `listener` for each reply of a type. */
  on<T extends Reply['type']>(type: T, listener: Listener<T>): void {
    const listeners = this.#listeners.get(type) ?? [];
    listeners.push(listener);
    this.#listeners.set(type, listeners);
  }

  /** Sends a request; the memory of `moved` moves along. */
  send(request: Request, moved: Transferable[] = []): void {
    this.#worker.postMessage(request, moved);
  }

  #deliver(reply: Reply): void {
    for (const listener of this.#listeners.get(reply.type) ?? []) listener(reply as never);
  }
}
