// What all of the Streams Standard stands on: promises that code cannot tamper with, queues, conversions.
//
// The files streams_*.js are one function's body, joined in the order streams.go says, so that they share their names;
// host is what Go lends them. A public object is a thin shell around a record (Readable, Writable, ...), which only
// this code can reach: the algorithms work on records, the shells check what code passed in.
// Records declare their fields, because to assign one that is missing would run a setter that code put on Object.prototype.

const internal = {}; // the argument by which this code, and no other, makes an object from a record

const apply = Reflect.apply;
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const then = uncurry(Promise.prototype.then);
const PromiseOf = Promise;

const resolvedWith = (value) => new PromiseOf((resolve) => resolve(value));
const rejectedWith = (reason) => new PromiseOf((_, reject) => reject(reason));
const nothing = () => {};
const none = Object.freeze({ __proto__: null }); // no options
const microtask = (f) => { then(resolvedWith(), f); };
const setHandled = (promise) => { then(promise, undefined, nothing); };

// Deferred is a promise with its two ends.
class Deferred {
  pending = true;
  promise = undefined;
  resolver = undefined;
  rejecter = undefined;
  constructor() {
    this.promise = new PromiseOf((resolve, reject) => { this.resolver = resolve; this.rejecter = reject; });
  }
  resolve(value) { this.pending = false; this.resolver(value); }
  reject(reason) { this.pending = false; this.rejecter(reason); }
  static resolved(value) { const d = new Deferred(); d.resolve(value); return d; }
  static rejected(reason) { const d = new Deferred(); d.reject(reason); setHandled(d.promise); return d; }
}

// promised calls f and returns a promise of what it returns or throws.
const promised = (f, self, ...args) => {
  try {
    return resolvedWith(apply(f, self, args));
  } catch (e) {
    return rejectedWith(e);
  }
};

// Fifo is a queue whose shift does not move what is left.
class Fifo {
  items = [];
  head = 0;
  get length() { return this.items.length - this.head; }
  get first() { return this.items[this.head]; }
  push(item) { this.items[this.items.length] = item; }
  shift() {
    const item = this.items[this.head];
    this.items[this.head++] = undefined;
    if (this.head === this.items.length) {
      this.clear();
    } else if (this.head >= 1024 && this.head * 2 >= this.items.length) {
      this.items = arraySlice(this.items, this.head);
      this.head = 0;
    }
    return item;
  }
  clear() { this.items = []; this.head = 0; }
  take() { const { items, head } = this; this.clear(); return arraySlice(items, head); }
}
const arraySlice = uncurry(Array.prototype.slice);

// SizedFifo is a queue with sizes (Streams 8.1).
class SizedFifo extends Fifo {
  total = 0;
  put(value, size) {
    if (!(size >= 0) || size === Infinity) {
      throw new RangeError(`the size of a chunk must be a finite number that is not negative, got ${size}`);
    }
    this.push({ value, size });
    this.total += size;
  }
  get() {
    const { value, size } = this.shift();
    this.total -= size;
    if (this.total < 0) this.total = 0; // rounding
    return value;
  }
  reset() { this.clear(); this.total = 0; }
}

// Conversions of Web IDL.

const isObject = (v) => (typeof v === 'object' && v !== null) || typeof v === 'function';

const illegal = (what) => new TypeError(`${what}: illegal invocation: this is not the right kind of object`);

const required = (what, n, got) => {
  if (got < n) throw new TypeError(`${what}: ${n} argument(s) required, but only ${got} present`);
};

const dictionary = (what, v) => {
  if (v === undefined || v === null) return undefined;
  if (!isObject(v)) throw new TypeError(`${what} must be an object, got ${typeof v}`);
  return v;
};

const callback = (what, v) => {
  if (v === undefined) return undefined;
  if (typeof v !== 'function') throw new TypeError(`${what} must be a function, got ${v === null ? 'null' : typeof v}`);
  return v;
};

const enforceRange = (what, v) => {
  const n = Math.trunc(+v);
  if (!(n >= 0 && n <= Number.MAX_SAFE_INTEGER)) throw new TypeError(`${what} must be an integer that is not negative, got ${v}`);
  return n;
};

// strategyOf reads a QueuingStrategy.
const strategyOf = (v) => {
  const d = dictionary('a queuing strategy', v);
  if (!d) return none;
  let { highWaterMark } = d;
  if (highWaterMark !== undefined) highWaterMark = +highWaterMark;
  return { highWaterMark, size: callback("a queuing strategy's size", d.size) };
};

const highWaterMarkOf = ({ highWaterMark }, fallback) => {
  if (highWaterMark === undefined) return fallback;
  if (!(highWaterMark >= 0)) throw new RangeError(`highWaterMark must be a number that is not negative, got ${highWaterMark}`);
  return highWaterMark;
};

const one = () => 1;

const sizeOf = ({ size }) => (size === undefined ? one : (chunk) => +apply(size, undefined, [chunk]));

// native gives a class the look of a platform interface: enumerable members and a class string.
const native = (constructor, tag = constructor.name) => {
  const { prototype } = constructor;
  const names = Object.getOwnPropertyNames(prototype);
  for (let i = 0; i < names.length; i++) {
    if (names[i] !== 'constructor') Object.defineProperty(prototype, names[i], enumerable);
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true });
};
const enumerable = { enumerable: true };

// Buffers. The getters are the originals, so that a look-alike cannot pass for a view.

const getter = (o, name) => uncurry(Object.getOwnPropertyDescriptor(o, name).get);
const TypedArray = Object.getPrototypeOf(Uint8Array);
const isView = ArrayBuffer.isView;
const byteLengthOfBuffer = getter(ArrayBuffer.prototype, 'byteLength');
const copyBytes = uncurry(TypedArray.prototype.set);
const sliceBuffer = uncurry(ArrayBuffer.prototype.slice);
const typed = {
  buffer: getter(TypedArray.prototype, 'buffer'),
  byteOffset: getter(TypedArray.prototype, 'byteOffset'),
  byteLength: getter(TypedArray.prototype, 'byteLength'),
  length: getter(TypedArray.prototype, 'length'),
  name: getter(TypedArray.prototype, Symbol.toStringTag),
};

// What streams rarely meet is looked up when they do: goja makes a constructor when it is first mentioned.
let data;
const dataGetters = () => ({
  buffer: getter(DataView.prototype, 'buffer'),
  byteOffset: getter(DataView.prototype, 'byteOffset'),
  byteLength: getter(DataView.prototype, 'byteLength'),
});
const constructors = { __proto__: null, Uint8Array };

// viewOf takes an ArrayBufferView apart; a DataView has elements of one byte.
const viewOf = (what, v) => {
  if (!isView(v)) throw new TypeError(`${what} must be an ArrayBufferView (a Uint8Array, say), got ${host.kind(v)}`);
  const name = typed.name(v);
  if (name === undefined) {
    data ??= dataGetters();
    const buffer = data.buffer(v);
    if (host.detached(buffer)) return { buffer, byteOffset: 0, byteLength: 0, length: 0, elementSize: 1, constructor: DataView };
    const byteLength = data.byteLength(v);
    return { buffer, byteOffset: data.byteOffset(v), byteLength, length: byteLength, elementSize: 1, constructor: DataView };
  }
  const constructor = (constructors[name] ??= globalThis[name]);
  return {
    buffer: typed.buffer(v), byteOffset: typed.byteOffset(v), byteLength: typed.byteLength(v), length: typed.length(v),
    elementSize: constructor.BYTES_PER_ELEMENT, constructor,
  };
};

const Bytes = Uint8Array;
const BufferOf = ArrayBuffer;
