// What the page and its worker say to each other.

import type { BenchCase, BenchReport, BenchRow, Ceilings, KernelSource, Profile } from '../../src/index.ts';

/** A case as the page lists it. */
export type CaseInfo = Pick<BenchCase, 'name' | 'group' | 'large'>;

export type Request =
  /** `cases`: names of those to time. */
  | { readonly type: 'start'; readonly cases: readonly string[]; readonly variants: boolean; readonly seconds?: number }
  /** Finds the fastest variants of what these cases use, and keeps them. */
  | { readonly type: 'tune'; readonly cases: readonly string[]; readonly seconds?: number }
  | { readonly type: 'forget' }
  | { readonly type: 'stop' }
  /** The kernels of a row, or where their time goes. */
  | { readonly type: 'source' | 'profile'; readonly name: string; readonly variant?: string };

export type Reply =
  | {
      readonly type: 'device';
      readonly adapter: BenchReport['adapter'];
      readonly description: string;
    }
  | { readonly type: 'cases'; readonly cases: readonly CaseInfo[] }
  | { readonly type: 'problem'; readonly message: string }
  | { readonly type: 'ceilings'; readonly ceilings: Ceilings }
  | { readonly type: 'progress'; readonly done: number; readonly total: number; readonly name: string }
  /** How many choices are kept, and after tuning how many were made or changed. */
  | { readonly type: 'tuning'; readonly kept: number; readonly changed?: number }
  | { readonly type: 'row'; readonly row: BenchRow }
  | { readonly type: 'finished'; readonly report: BenchReport }
  | { readonly type: 'profile'; readonly profile: Profile; readonly ceilings: Ceilings }
  | { readonly type: 'source'; readonly title: string; readonly kernels: readonly KernelSource[] };
