import fs from 'node:fs';
import { toleranceOf } from './src/verify/tolerances.ts';
const U = 2 ** -24;
const worst = new Map<string, number>(); // op part dtype -> units
const note = (k: string, v: number) => worst.set(k, Math.max(worst.get(k) ?? 0, v));
const src = fs.readFileSync('src/verify/tolerances.ts', 'utf8');
for (const f of process.argv.slice(2)) {
  if (f.endsWith('.json')) {
    for (const r of JSON.parse(fs.readFileSync(f, 'utf8')).cases) {
      if (r.maxError == null) continue;
      note(
        `${r.op} gpu ${r.direction === 'forward' ? 'output' : 'gradient'} ${r.dtype === 'f16' ? 'f16' : 'f32'}`,
        r.maxError / U,
      );
    }
  } else
    for (const line of fs.readFileSync(f, 'utf8').trim().split('\n')) {
      const m = /^(.*) (cpu|gpu) (output|gradient) (\S+)$/.exec(line);
      if (!m) continue;
      const [, op, c, part, p] = m;
      try {
        note(`${op} ${c} ${part} f32`, (+p * toleranceOf(op, c as any, part as any).relative) / U);
      } catch {}
    }
}
const ops = [...new Set([...worst.keys()].map((k) => k.replace(/ (cpu|gpu) (output|gradient) f(32|16)$/, '')))].sort();
for (const op of ops)
  for (const c of ['cpu', 'gpu'])
    for (const part of ['output', 'gradient'])
      for (const d of ['f32', 'f16']) {
        const w = worst.get(`${op} ${c} ${part} ${d}`);
        if (w === undefined) continue;
        const a = toleranceOf(op, c as any, part as any, d as any).relative / U;
        const div = d === 'f16' ? 8192 : 1;
        if (w > a) console.log('OVER', op, c, part, d, (w / div).toFixed(3), a / div);
        else if (a > 4 * w && a > 0)
          console.log('wide', op, c, part, d, 'measured', (w / div).toFixed(3), 'allowed', (a / div).toFixed(2));
      }
