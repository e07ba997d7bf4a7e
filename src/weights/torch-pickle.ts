// The classes allowed in PyTorch's pickles: tensors, storages and containers. Any other is rejected by name.

import type { StoredType } from './stored-type.ts';
import { tupleOf, type PickleClass, type PickleContext } from './pickle.ts';

/** A flat run of numbers in a file, which tensors view. */
export interface TorchStorage {
  readonly key: string;
  /** The type of its numbers; null for an untyped storage, whose tensors have their own. */
  readonly type: StoredType | null;
  /** Length in numbers, or in bytes if untyped. */
  readonly length: number;
  /** Start within another storage, in numbers: views in legacy files. */
  readonly offset: number;
}

/** A tensor: a strided view of a storage. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly type: StoredType;
  /** In numbers, not bytes. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: TorchStorage, type: StoredType, offset: number, shape: number[], strides: number[]) {
    this.storage = storage;
    this.type = type;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

const storageTypes: Readonly<Record<string, StoredType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const dtypes: Readonly<Record<string, StoredType>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};

/** A storage class in a pickle: the type of its numbers, or null if untyped. */
class StorageClass {
  readonly type: StoredType | null;
  constructor(type: StoredType | null) {
    this.type = type;
  }
}

const numbers = (value: unknown): number[] => {
  if (!Array.isArray(value) || !value.every((item) => Number.isSafeInteger(item) && item >= 0)) {
    throw new Error('a tensor has an invalid shape, strides or offset.');
  }
  return [...value] as number[];
};

function rebuildTensor(storage: unknown, type: StoredType | null, offset: unknown, size: unknown, stride: unknown) {
  if (typeof storage !== 'object' || storage === null || !('key' in storage) || !type) {
    throw new Error('a tensor has no storage of a known type.');
  }
  const [shape, strides] = [numbers(size), numbers(stride)];
  if (shape.length !== strides.length || !Number.isSafeInteger(offset)) {
    throw new Error('a tensor has an invalid shape, strides or offset.');
  }
  return new TorchTensor(storage as TorchStorage, type, offset as number, shape, strides);
}

const call = (name: string, make: (...args: unknown[]) => unknown): PickleClass => ({ kind: 'call', name, call: make });
const value = (value: unknown): PickleClass => ({ kind: 'value', value });

const pairs = (items: unknown): [unknown, unknown][] =>
  items instanceof Map ? [...items] : ((items ?? []) as [unknown, unknown][]);
const orderedDict = call('OrderedDict', (items) => new Map(pairs(items)));
const list = (make: (items: unknown[]) => unknown) => (items: unknown) =>
  make([...((items ?? []) as Iterable<unknown>)]);

const containers: Readonly<Record<string, PickleClass>> = {
  'collections OrderedDict': orderedDict,
  'collections Counter': orderedDict,
  // Its default factory, a class, is not needed.
  'collections defaultdict': call('defaultdict', () => new Map()),
  'dict': orderedDict,
  'list': call('list', list((items) => items)),
  'tuple': call('tuple', list(tupleOf)),
  'set': call('set', list((items) => new Set(items))),
  'frozenset': call('frozenset', list((items) => new Set(items))),
  'int': call('int', (x) => Number(x ?? 0)),
  'float': call('float', (x) => Number(x ?? 0)),
  'bool': call('bool', (x) => !!x),
  'str': call('str', (x) => String(x ?? '')),
  'bytearray': call('bytearray', (x) => x ?? new Uint8Array(0)),
  'complex': call('complex', (re, im) => tupleOf([re, im])),
  // Python 3's encoding of bytes in protocol 2.
  '_codecs encode': call('encode', (text) => Uint8Array.from(String(text), (char) => char.charCodeAt(0) & 255)),
  'torch Size': call('Size', list(tupleOf)),
  'torch device': call('device', (kind, index) => (index === undefined ? String(kind) : `${String(kind)}:${String(index)}`)),
  'torch._utils _rebuild_tensor': call('_rebuild_tensor', (storage, offset, size, stride) =>
    rebuildTensor(storage, (storage as TorchStorage)?.type, offset, size, stride)),
  'torch._utils _rebuild_tensor_v2': call('_rebuild_tensor_v2', (storage, offset, size, stride) =>
    rebuildTensor(storage, (storage as TorchStorage)?.type, offset, size, stride)),
  'torch._utils _rebuild_tensor_v3': call('_rebuild_tensor_v3', (storage, offset, size, stride, _grad, _hooks, dtype) =>
    rebuildTensor(storage, (dtype as { value?: StoredType } | undefined)?.value ?? null, offset, size, stride)),
  'torch._utils _rebuild_parameter': call('_rebuild_parameter', (tensor) => tensor),
  'torch._utils _rebuild_parameter_with_state': call('_rebuild_parameter_with_state', (tensor) => tensor),
  'torch.nn.parameter Parameter': call('Parameter', (tensor) => tensor),
  'torch.nn.parameter Buffer': call('Buffer', (tensor) => tensor),
  'torch.storage UntypedStorage': value(new StorageClass(null)),
}; // prettier-ignore

function find(module: string, name: string): PickleClass {
  const plain = module === 'builtins' || module === '__builtin__' ? name : `${module} ${name}`;
  if (Object.hasOwn(containers, plain)) return containers[plain];
  if (module === 'torch' || module === 'torch.cuda') {
    if (Object.hasOwn(storageTypes, name)) return value(new StorageClass(storageTypes[name]));
    if (module === 'torch' && Object.hasOwn(dtypes, name)) return value(dtypes[name]);
    if (name === 'UntypedStorage') return value(new StorageClass(null));
  }
  throw new RefusedClassError(module, name);
}

/** A pickle names a class or function that is not allowed. */
export class RefusedClassError extends Error {
  /** The qualified name, such as `argparse.Namespace`. */
  readonly className: string;

  constructor(module: string, name: string) {
    super(
      `it needs ${module}.${name}. Only tensors and containers are loaded from a pickle, as other classes could run any code. ` +
        remedy(module, name),
    );
    this.name = 'RefusedClassError';
    this.className = `${module}.${name}`;
  }
}

function remedy(module: string, name: string): string {
  if (/^(dnnlib|torch_utils|legacy|training)\b/.test(module)) {
    return (
      "This looks like a StyleGAN pickle, which includes the network's source code. Convert it with NVIDIA's repository in Python: " +
      "torch.save(legacy.load_network_pkl(open(FILE, 'rb'))['G_ema'].state_dict(), 'g_ema.pth')."
    );
  }
  if (/^torch\b.*(quant|_rebuild_qtensor|sparse)/.test(`${module} ${name}`)) {
    return "Save a plain copy in Python: torch.save({k: v.dequantize() for k, v in model.state_dict().items()}, 'weights.pth').";
  }
  return (
    'If you trust the file, save only its tensors in Python: obj = torch.load(FILE, weights_only=False); then ' +
    "torch.save(obj.state_dict(), 'weights.pth'), or torch.save(obj['state_dict'], 'weights.pth') if obj is a dict."
  );
}

/** The context for PyTorch's pickles. `storages` collects the storages they refer to. */
export function torchContext(storages: Map<string, TorchStorage>): PickleContext {
  return {
    find,
    persistent(id) {
      const [tag, storageClass, key, , length, view] = Array.isArray(id) ? id : [];
      const type = (storageClass as { value?: unknown } | undefined)?.value;
      if (tag !== 'storage' || !(type instanceof StorageClass) || !Number.isSafeInteger(length)) {
        throw new Error('the pickle refers to something that is not a storage.');
      }
      const whole: TorchStorage = { key: String(key), type: type.type, length: length as number, offset: 0 };
      if (!storages.has(whole.key)) storages.set(whole.key, whole);
      if (!Array.isArray(view)) return whole;
      const [, offset, viewLength] = view as [unknown, number, number];
      return { ...whole, offset, length: viewLength };
    },
  };
}
