// The cases of a benchmark that times WebGPU libraries side by side, using only this library's public API.
// A case is { name, op, p } with parameters p and inputs { key: { data, shape } }: images NCHW, convolution weights OIHW
// (transposed: IOHW), dense weights [in, out], LSTM gates i, f, g, o. Build first: npm run build.

// The entry that the package's `exports` would choose.
const isNode = typeof process === 'object' && !!process.versions?.node;
const ft = await (isNode ? import('../../dist/src/node.js') : import('../../dist/src/index.js'));

const ALEXNET = [
  { name: 'c1', stride: 4, padding: 2, pool: true },
  { name: 'c2', padding: 2, pool: true },
  { name: 'c3', padding: 1 },
  { name: 'c4', padding: 1 },
  { name: 'c5', padding: 1, pool: true },
];
const DCGAN = [1, 2, 2, 2, 2].map((stride, i) => ({ name: `t${i + 1}`, stride, padding: stride - 1 }));

/** The inputs of a case are on the device before the clock starts. */
const parametersOf = (inputs) =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [
      name,
      new ft.Parameter({ dtype: 'f32', shape, data }, { name }),
    ]),
  );

const dense = (x, weight, bias) => ft.add(ft.matmul(x, weight), bias);
const norm = (x, weight, bias, eps) => ft.layerNorm(x, x.shape.at(-1), { weight, bias, epsilon: eps });

/** [S, 3·D] → three of [1, H, S, D / H] */
const splitHeads = (qkv, heads) => {
  const [length, width] = qkv.shape;
  const split = ft.permute(ft.reshape(qkv, [length, 3, heads, width / 3 / heads]), [1, 2, 0, 3]); // [3, H, S, E]
  return [0, 1, 2].map((i) => ft.slice(split, [i, 0, 0, 0], [i + 1, ...split.shape.slice(1)]));
};
/** [1, H, S, E] → [S, H·E] */
const joinHeads = (x) => ft.reshape(ft.permute(x, [0, 2, 1, 3]), [x.shape[2], x.shape[1] * x.shape[3]]);

function lenet(x, w) {
  const pooled = (image, weight, bias, padding) =>
    ft.avgPool2d(ft.tanh(ft.conv2d(image, weight, bias, { padding })), 2);
  let h = pooled(x, w.c1w, w.c1b, 2); // [N, 6, 14, 14]
  h = ft.flatten(pooled(h, w.c2w, w.c2b, 0)); // [N, 400]
  h = ft.tanh(dense(h, w.f1w, w.f1b));
  h = ft.tanh(dense(h, w.f2w, w.f2b));
  return dense(h, w.f3w, w.f3b); // [N, 10]
}

function bert(x, w, { layers, heads, eps }) {
  for (let i = 0; i < layers; i++) {
    const [q, k, v] = splitHeads(dense(x, w[`wqkv${i}`], w[`bqkv${i}`]), heads);
    const attended = joinHeads(ft.scaledDotProductAttention(q, k, v));
    x = norm(ft.add(x, dense(attended, w[`wo${i}`], w[`bo${i}`])), w[`g1_${i}`], w[`b1_${i}`], eps);
    const hidden = ft.gelu(dense(x, w[`w1_${i}`], w[`c1_${i}`]));
    x = norm(ft.add(x, dense(hidden, w[`w2_${i}`], w[`c2_${i}`])), w[`g2_${i}`], w[`b2_${i}`], eps);
  }
  return x;
}

/** Caches [H, T, E] of `inputs` with room for one more position: [1, H, T + 1, E]. */
function withRoom(inputs) {
  const longer = ({ data, shape: [heads, length, depth] }) => {
    const padded = new Float32Array(heads * (length + 1) * depth);
    for (let h = 0; h < heads; h++)
      padded.set(data.subarray(h * length * depth, (h + 1) * length * depth), h * (length + 1) * depth);
    return { data: padded, shape: [1, heads, length + 1, depth] };
  };
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, /^[kv]c/.test(name) ? longer(value) : value]),
  );
}

/** One token after `past` others; its key and value are appended in place, to caches [1, H, past + 1, E]. */
function gpt2({ x, ...w }, { layers, heads, vocab, past, eps }) {
  const position = new ft.Scalar('position', past, 'i32');
  const append = (cache, one) => {
    const extended = ft.updateSlice(one, position, cache);
    ft.assign(cache, extended);
    return extended;
  };
  for (let i = 0; i < layers; i++) {
    const [q, k, v] = splitHeads(dense(norm(x, w[`g1_${i}`], w[`b1_${i}`], eps), w[`wqkv${i}`], w[`bqkv${i}`]), heads);
    const attended = joinHeads(ft.scaledDotProductAttention(q, append(w[`kc${i}`], k), append(w[`vc${i}`], v)));
    x = ft.add(x, dense(attended, w[`wo${i}`], w[`bo${i}`]));
    const hidden = dense(norm(x, w[`g2_${i}`], w[`b2_${i}`], eps), w[`w1_${i}`], w[`c1_${i}`]);
    x = ft.add(x, dense(ft.gelu(hidden, { approximate: 'tanh' }), w[`w2_${i}`], w[`c2_${i}`]));
  }
  x = norm(x, w.gf, w.bf, eps);
  return vocab ? ft.matmul(x, w.head) : x;
}

/** What each kind of case computes. */
const forward = {
  matmul: ({ a, b }) => ft.matmul(a, b),
  bmm: ({ a, b }) => ft.matmul(a, b),
  conv2d: ({ x, w, b }, { s, pad }) => ft.conv2d(x, w, b, { stride: s, padding: pad }),
  convT: ({ x, w }, { s, pad }) => ft.convTranspose2d(x, w, undefined, { stride: s, padding: pad }),
  softmax: ({ x }) => ft.softmax(x),
  layernorm: ({ x, g, b }, { eps }) => norm(x, g, b, eps),
  gelu: ({ x }) => ft.gelu(x),
  add: ({ a, b }) => ft.add(a, b),
  sum: ({ x }) => ft.sum(x),
  attention({ q, k, v }) {
    const batched = (x) => ft.reshape(x, [1, ...x.shape]);
    return ft.scaledDotProductAttention(batched(q), batched(k), batched(v));
  },
  lstm: ({ x, w, r, b }) => ft.lstm(x, [{ weightIh: w, weightHh: r, biasIh: b }]).output,
  lenet: ({ x, ...w }) => lenet(x, w),
  alexnet({ x, ...w }, { features }) {
    for (const { name, pool, ...options } of ALEXNET) {
      x = ft.relu(ft.conv2d(x, w[`${name}w`], w[`${name}b`], options));
      if (pool) x = ft.maxPool2d(x, 3, { stride: 2 });
    }
    if (features) return x;
    const hidden = ft.relu(dense(ft.flatten(x), w.f1w, w.f1b));
    return dense(ft.relu(dense(hidden, w.f2w, w.f2b)), w.f3w, w.f3b);
  },
  bert: ({ x, ...w }, p) => bert(x, w, p),
  dcgan({ x, ...w }) {
    DCGAN.forEach(({ name, ...options }, i) => {
      x = ft.convTranspose2d(x, w[`${name}w`], w[`${name}b`], options);
      x = i < DCGAN.length - 1 ? ft.relu(x) : ft.tanh(x);
    });
    return x;
  },
};

const logitsOf = {
  trainMlp: ({ x, ...w }) => dense(ft.relu(dense(x, w.w1, w.b1)), w.w2, w.b2),
  trainLenet: ({ x, ...w }) => lenet(x, w),
};
/** Cross-entropy with one-hot labels y. */
const lossOf = (logits, y) => ft.neg(ft.mean(ft.sum(ft.mul(ft.logSoftmax(logits), y), 1)));

export default function fiveTigers() {
  let device;

  const implementation = (program, output) => {
    const sync = () => program.finished();
    const enqueue = () => program.enqueue({});
    return {
      enqueue,
      sync,
      run: async () => {
        await enqueue();
        await sync();
      },
      output,
      dispose: () => program.dispose(),
    };
  };

  const inference =
    (build, prepare = (inputs) => inputs) =>
    async (inputs, p) => {
      const values = parametersOf(prepare(inputs));
      const program = await ft.compile(device, () => build(values, p), {});
      return implementation(program, async () => (await program.run({})).data);
    };

  const training =
    (build) =>
    async (inputs, { opt, lr, steps }) => {
      const { x, y, ...weights } = parametersOf(inputs);
      const parameters = Object.values(weights);
      const Kind = { sgd: ft.SGD, adam: ft.Adam }[opt];
      const optimizer = new Kind(parameters, { learningRate: lr });
      const step = () => {
        const loss = lossOf(build({ x, ...weights }), y);
        optimizer.step(ft.grad(loss, parameters));
        return loss;
      };
      const program = await ft.compile(device, step, {});
      return implementation(program, async () => {
        const losses = new Float32Array(steps);
        for (let i = 0; i < steps; i++) losses[i] = (await program.run({})).data[0];
        return losses;
      });
    };

  const table = (cases, make) => Object.fromEntries(Object.entries(cases).map(([op, build]) => [op, make(build)]));
  return {
    name: 'five-tigers',
    backend: 'webgpu',
    version: '0.1.0',
    async init() {
      device = await ft.openDevice('webgpu');
      return { device: device.gpu };
    },
    ops: { ...table(forward, inference), gpt2: inference(gpt2, withRoom), ...table(logitsOf, training) },
  };
}
