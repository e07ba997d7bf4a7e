// Finds duplicate keys in JSON objects, of which JSON.parse silently keeps the last.

/**
 * The first key that occurs twice in one object of `json`, or null.
 * @param json text that JSON.parse accepts; for other text the result is arbitrary.
 */
export function findDuplicateKey(json: string): string | null {
  const objects: Set<string>[] = [];
  let lastString = '';
  for (let i = 0; i < json.length; i++) {
    switch (json[i]) {
      case '{':
        objects.push(new Set());
        break;
      case '}':
        objects.pop();
        break;
      case '"': {
        const start = i++;
        while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
        lastString = json.slice(start, i + 1);
        break;
      }
      case ':': {
        // Compared unescaped: "a" and "\u0061" are the same key.
        const key = JSON.parse(lastString) as string;
        const keys = objects[objects.length - 1];
        if (keys.has(key)) return key;
        keys.add(key);
      }
    }
  }
  return null;
}
