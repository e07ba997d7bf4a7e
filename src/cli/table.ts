// Text in columns, for results that people read.

/** `rows` as lines of aligned columns, the first row being their headings; columns in `numeric` stand to the right. */
export function textTable(rows: readonly (readonly string[])[], numeric: readonly number[] = []): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell: string, i: number) => (numeric.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]));
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
