// What the page and its worker say to each other.

import type { VerifyReport, VerifyRow } from '../../src/index.ts';

/** `ops`: which to check; all of them where it is absent. */
export type Request = { readonly type: 'start'; readonly ops?: readonly string[] };

export type Reply =
  | { readonly type: 'device'; readonly description: string; readonly details: string; readonly f16: boolean }
  /** Why nothing can be checked here. */
  | { readonly type: 'problem'; readonly message: string }
  | { readonly type: 'progress'; readonly done: number; readonly total: number; readonly op: string }
  | { readonly type: 'rows'; readonly rows: readonly VerifyRow[] }
  | { readonly type: 'finished'; readonly report: VerifyReport };
