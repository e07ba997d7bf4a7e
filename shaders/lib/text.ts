// WGSL that repeats, written out.

/** 0 to `length` - 1. */
export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Statements, one per line. */
export const lines = (statements: readonly string[]): string => statements.join('\n    ');

/** `count` statements, one per line. */
export const repeat = (count: number, statement: (i: number) => string): string => lines(range(count).map(statement));
