// The lint rule that checks every import, including dynamic ones, against the table in src/layers.ts.

import { dirname, join, relative, sep } from 'node:path';
import { layerOf } from '../../src/layers.ts';

const isForNode = (file: string) => file.endsWith('-node.ts');
const listed = (names: readonly string[]) => (names.length ? names.join(', ') : 'nothing');

/** Why a file may not import another (paths from the repository root); null if it may. */
function whyNotFile(file: string, target: string): string | null {
  const [layer, other] = [layerOf(file)!, layerOf(target)];
  if (layer !== other && !(other && layer.imports.includes(other.path))) {
    const outside = listed(layer.imports);
    return `${layer.path} may not import ${other?.path ?? target}. Outside itself it may import: ${outside} (src/layers.ts).`;
  }
  // Browser code may not import files that import Node modules.
  if (!isForNode(target) || isForNode(file) || layer.node) return null;
  return `${target} is for Node: only files that end in -node.ts, src/node.ts and src/cli may import it.`;
}

/** Why a file may not import a package or Node module; null if it may. */
function whyNotPackage(file: string, specifier: string): string | null {
  const { path, packages = [], nodePackages = [], node } = layerOf(file)!;
  if (specifier.startsWith('node:')) {
    if (node || isForNode(file)) return null;
    return `${path} runs in browsers: only its files that end in -node.ts may import ${specifier}.`;
  }
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/'); // prettier-ignore
  const allowed = isForNode(file) ? [...packages, ...nodePackages] : packages;
  return allowed.includes(name)
    ? null
    : `${file} may not import ${name}. Its packages: ${listed(allowed)} (src/layers.ts).`;
}

/** The parts of an import, an export from a file, or `import()` that the rule uses. */
interface Importing {
  readonly source?: object | null;
}

interface Context {
  readonly cwd: string;
  readonly filename: string;
  report(problem: { message: string; node: object }): void;
}

/** The linter plugin with this rule. */
export default {
  meta: { name: 'house' },
  rules: {
    layers: {
      create(context: Context) {
        const file = relative(context.cwd, context.filename).replaceAll(sep, '/');
        if (!layerOf(file)) return {};
        const check = ({ source }: Importing) => {
          if (!source || !('value' in source) || typeof source.value !== 'string') return;
          const specifier = source.value;
          const message = specifier.startsWith('.')
            ? whyNotFile(file, join(dirname(file), specifier).replaceAll(sep, '/'))
            : whyNotPackage(file, specifier);
          if (message) context.report({ message, node: source });
        };
        return {
          ImportDeclaration: check, ImportExpression: check, ExportNamedDeclaration: check, ExportAllDeclaration: check,
        }; // prettier-ignore
      },
    },
  },
};
