// Suggests names for a mistyped one.

/** The number of insertions, removals, replacements and swaps of neighbours that turn one word into another. */
function editDistance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + Number(a[i - 1] !== b[j - 1]);
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** The names most similar to `word`, at most `count`; none if nothing is similar. */
export function nearNames(word: string, names: readonly string[], count = 4): string[] {
  const lower = word.toLowerCase();
  const rated = names.map((name) => {
    const other = name.toLowerCase();
    const contains = lower.length > 2 && (other.includes(lower) || lower.includes(other));
    const distance = editDistance(lower, other);
    return { name, distance, near: contains || distance <= Math.max(2, Math.min(word.length, name.length) / 3) };
  });
  return rated
    .filter(({ near }) => near)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
