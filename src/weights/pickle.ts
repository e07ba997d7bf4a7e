// Reads Python pickles: containers, numbers, text, and only the classes on the caller's list.
// A pickle is a program for a stack machine and may call any function; Python's own reader would run it.
// Existing packages support neither PyTorch's legacy files nor finding where a pickle ends.

import { PickleCursor } from './pickle-cursor.ts';

/** What a class or function named in a pickle, such as `collections OrderedDict`, becomes. */
export type PickleClass =
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'call';
      readonly name: string;
      /** Makes the object from the call's arguments. */
      readonly call: (...args: unknown[]) => unknown;
      /** Sets the object's state; if omitted, the state is ignored. */
      readonly build?: (object: unknown, state: unknown) => unknown;
    };

/** Resolves a pickle's names and external references. */
export interface PickleContext {
  /** Resolves a class or function. @throws an Error for one that is not allowed. */
  find(module: string, name: string): PickleClass;
  /** Resolves a persistent id: in PyTorch files, a reference to a storage. */
  persistent?(id: unknown): unknown;
}

/** A Python tuple, as opposed to a list, which becomes a plain array. */
export class PickleTuple extends Array<unknown> {}

/** A tuple of `items`. */
export function tupleOf(items: readonly unknown[]): PickleTuple {
  const tuple = new PickleTuple();
  for (const item of items) tuple.push(item);
  return tuple;
}

/** A pickle's value, and the byte after its end. Dicts become Maps, ints beyond 2^53 bigints, None null, bytes Uint8Arrays. */
export interface Unpickled {
  readonly value: unknown;
  readonly end: number;
}

const MARK = Symbol('mark');

/**
 * Reads the pickle (protocols 0 to 5) that starts at byte `start`.
 * @throws a PickleEnd if `bytes` end first; an Error for an invalid pickle, or a class that `context` does not allow.
 */
export function unpickle(bytes: Uint8Array, context: PickleContext, start = 0): Unpickled {
  const machine = new Machine(new PickleCursor(bytes, start), context);
  return machine.run();
}

class Machine {
  readonly #in: PickleCursor;
  readonly #context: PickleContext;
  readonly #memo = new Map<number, unknown>();
  #stack: unknown[] = [];

  constructor(cursor: PickleCursor, context: PickleContext) {
    this.#in = cursor;
    this.#context = context;
  }

  run(): Unpickled {
    for (;;) {
      const at = this.#in.at;
      const code = this.#in.byte();
      if (code === 0x2e) return { value: this.#pop(), end: this.#in.at };
      if (!this.#simple(code) && !this.#containers(code) && !this.#objects(code)) {
        const shown = `0x${code.toString(16).padStart(2, '0')}`;
        throw new Error(`the byte ${shown} at ${at} is not a supported pickle opcode.`);
      }
    }
  }

  #push(value: unknown): true {
    this.#stack.push(value);
    return true;
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw new Error('the pickle pops from an empty stack.');
    return this.#stack.pop();
  }

  get #top(): unknown {
    return this.#stack[this.#stack.length - 1];
  }

  /** Everything above the last mark. */
  #popMarked(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw new Error('the pickle uses a mark that it did not set.');
    const items = this.#stack.splice(mark + 1);
    this.#stack.pop();
    return items;
  }

  #remember(index: number): true {
    this.#memo.set(index, this.#top);
    return true;
  }

  #recall(index: number): true {
    if (!this.#memo.has(index)) throw new Error(`the pickle uses memo entry ${index}, which it did not set.`);
    return this.#push(this.#memo.get(index));
  }

  /** Numbers, text, bytes, and the stack and memo themselves. */
  #simple(code: number): boolean {
    const from = this.#in;
    switch (code) {
      case 0x80: // PROTO
        return from.byte() >= 0;
      case 0x95: // FRAME
        return from.unsigned64() >= 0;
      case 0x28: // MARK
        return this.#push(MARK);
      case 0x30: // POP
        this.#pop();
        return true;
      case 0x31: // POP_MARK
        this.#popMarked();
        return true;
      case 0x32: // DUP
        return this.#push(this.#top);
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4a: // BININT
        return this.#push(from.signed32());
      case 0x4b: // BININT1
        return this.#push(from.byte());
      case 0x4d: // BININT2
        return this.#push(from.unsigned16());
      case 0x49: // INT
      case 0x4c: // LONG
        return this.#push(from.textNumber());
      case 0x8a: // LONG1
        return this.#push(from.long(from.byte()));
      case 0x8b: // LONG4
        return this.#push(from.long(from.unsigned32()));
      case 0x46: // FLOAT
        return this.#push(Number(from.line()));
      case 0x47: // BINFLOAT
        return this.#push(from.float64());
      case 0x53: // STRING
      case 0x56: // UNICODE
        return this.#push(from.quoted());
      case 0x54: // BINSTRING
        return this.#push(from.text(from.unsigned32()));
      case 0x55: // SHORT_BINSTRING
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(from.text(from.byte()));
      case 0x58: // BINUNICODE
        return this.#push(from.text(from.unsigned32()));
      case 0x8d: // BINUNICODE8
        return this.#push(from.text(from.unsigned64()));
      case 0x42: // BINBYTES
        return this.#push(from.bytes(from.unsigned32()));
      case 0x43: // SHORT_BINBYTES
        return this.#push(from.bytes(from.byte()));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#push(from.bytes(from.unsigned64()));
      case 0x70: // PUT
        return this.#remember(Number(from.line()));
      case 0x71: // BINPUT
        return this.#remember(from.byte());
      case 0x72: // LONG_BINPUT
        return this.#remember(from.unsigned32());
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x67: // GET
        return this.#recall(Number(from.line()));
      case 0x68: // BINGET
        return this.#recall(from.byte());
      case 0x6a: // LONG_BINGET
        return this.#recall(from.unsigned32());
    }
    return false;
  }

  #containers(code: number): boolean {
    switch (code) {
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x5d: // EMPTY_LIST
        return this.#push([]);
      case 0x8f: // EMPTY_SET
        return this.#push(new Set());
      case 0x29: // EMPTY_TUPLE
        return this.#push(new PickleTuple());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        // TUPLE3
        const items = Array.from({ length: code - 0x84 }, () => this.#pop());
        return this.#push(tupleOf(items.reverse()));
      }
      case 0x74: // TUPLE
        return this.#push(tupleOf(this.#popMarked()));
      case 0x6c: // LIST
        return this.#push(this.#popMarked());
      case 0x64: {
        // DICT
        const items = this.#popMarked();
        this.#push(new Map());
        return this.#setItems(items);
      }
      case 0x91: // FROZENSET
        return this.#push(new Set(this.#popMarked()));
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#popMarked());
      case 0x90: {
        // ADDITEMS
        const items = this.#popMarked();
        if (!(this.#top instanceof Set)) throw new Error('the pickle adds an item to something that is not a set.');
        for (const item of items) this.#top.add(item);
        return true;
      }
      case 0x73: {
        // SETITEM
        const value = this.#pop();
        return this.#setItems([this.#pop(), value]);
      }
      case 0x75: // SETITEMS
        return this.#setItems(this.#popMarked());
    }
    return false;
  }

  #append(items: readonly unknown[]): true {
    if (!Array.isArray(this.#top)) throw new Error('the pickle appends an item to something that is not a list.');
    for (const item of items) this.#top.push(item);
    return true;
  }

  #setItems(items: readonly unknown[]): true {
    if (!(this.#top instanceof Map)) throw new Error('the pickle sets an item of something that is not a dict.');
    for (let i = 0; i + 1 < items.length; i += 2) this.#top.set(items[i], items[i + 1]);
    return true;
  }

  /** Classes, functions, and calls to them. */
  #objects(code: number): boolean {
    switch (code) {
      case 0x63: // GLOBAL
        return this.#push(this.#context.find(this.#in.line(), this.#in.line()));
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        return this.#push(this.#context.find(String(this.#pop()), String(name)));
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = this.#pop();
        return this.#call(this.#pop(), args);
      }
      case 0x92: {
        // NEWOBJ_EX
        const named = this.#pop();
        if (!(named instanceof Map) || named.size > 0)
          throw new Error('the pickle passes keyword arguments, which are not supported.');
        const args = this.#pop();
        return this.#call(this.#pop(), args);
      }
      case 0x62: {
        // BUILD
        const state = this.#pop();
        const object = this.#pop();
        const kind = this.#built.get(object as object);
        return this.#push(kind?.kind === 'call' && kind.build ? kind.build(object, state) : object);
      }
      case 0x50: // PERSID
        return this.#push(this.#persistent(this.#in.line()));
      case 0x51: // BINPERSID
        return this.#push(this.#persistent(this.#pop()));
    }
    return false;
  }

  readonly #built = new WeakMap<object, PickleClass>();

  #call(callee: unknown, args: unknown): true {
    const kind = callee as PickleClass | null;
    if (typeof kind !== 'object' || kind?.kind !== 'call' || !Array.isArray(args)) {
      throw new Error('the pickle calls something that is not a function.');
    }
    const object = kind.call(...args);
    if (typeof object === 'object' && object !== null) this.#built.set(object, kind);
    return this.#push(object);
  }

  #persistent(id: unknown): unknown {
    if (!this.#context.persistent) throw new Error('the pickle has an external reference, which is not supported.');
    return this.#context.persistent(id);
  }
}
