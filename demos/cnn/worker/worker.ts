// The page's worker: everything heavy happens here, so that the page stays smooth.

import type { Reply, Request } from '../protocol.ts';
import { Workshop } from './workshop.ts';

/** What a worker's global object has, and a page's has not. */
interface WorkerScope {
  postMessage(message: Reply): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
const workshop = new Workshop((reply) => scope.postMessage(reply));
scope.onmessage = ({ data }) => void workshop.handle(data);
