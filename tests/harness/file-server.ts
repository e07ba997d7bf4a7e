// A local server that behaves like real ones: ranges, ETags, lost connections.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** A file on the server. */
export interface Served {
  readonly bytes: Uint8Array;
  readonly etag?: string;
  /** Whether to support range requests (default true). */
  readonly ranges?: boolean;
  /** For each of the first requests, the bytes after which the connection is lost. */
  readonly cuts?: number[];
  /** For each of the first requests, the bytes after which the server stalls with an open connection. */
  readonly stalls?: number[];
  /** The content type. */
  readonly type?: string;
  /** The status to respond with instead of the file. */
  readonly status?: number;
}

/** A request. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

/** A running server. */
export interface FileServer {
  readonly url: string;
  /** Files by path, such as `/model.safetensors`; may be changed at any time. */
  readonly files: Map<string, Served>;
  /** All requests. */
  readonly asked: Asked[];
  close(): Promise<void>;
}

/** Starts a server on 127.0.0.1. */
export async function startFileServer(files: Record<string, Served> = {}): Promise<FileServer> {
  const served = new Map(Object.entries(files));
  const asked: Asked[] = [];
  const server = createServer((request, response) => answer(served, asked, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    files: served,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(files: Map<string, Served>, asked: Asked[], request: IncomingMessage, response: ServerResponse): void {
  const { method = 'GET', url = '/', headers } = request;
  asked.push({ method, path: url, range: headers.range ?? null, authorization: headers.authorization ?? null });
  // Allow requests from pages of other origins.
  const cors = {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': '*',
    'access-control-allow-headers': '*',
  };
  const file = files.get(url);
  if (method === 'OPTIONS' || !file || file.status) {
    response.writeHead(method === 'OPTIONS' ? 204 : (file?.status ?? 404), cors).end();
    return;
  }
  const { bytes, etag, ranges = true, cuts, stalls, type = 'application/octet-stream' } = file;
  const range = ranges ? /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') : null;
  const begin = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
  if (range && begin >= bytes.length) {
    response.writeHead(416, { ...cors, 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  response.writeHead(range ? 206 : 200, {
    ...cors,
    'content-type': type,
    'content-length': end - begin,
    ...(etag ? { etag } : {}),
    ...(range ? { 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}` } : {}),
  });
  const cut = method === 'GET' ? cuts?.shift() : undefined;
  const stall = method === 'GET' ? stalls?.shift() : undefined;
  if (method === 'HEAD') response.end();
  else if (stall !== undefined) response.write(bytes.subarray(begin, Math.min(begin + stall, end)));
  else if (cut === undefined) response.end(bytes.subarray(begin, end));
  else {
    response.flushHeaders();
    response.write(bytes.subarray(begin, Math.min(begin + cut, end)), () => void breakOff(response, cut > 0 ? 20 : 0));
  }
}

/**
 * Breaks a connection after a few turns of the event loop, so that the client, in this process, has read the data: the error
 * would discard what it has not read.
 */
async function breakOff(response: ServerResponse, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await setTimeout(20);
  response.destroy();
}
