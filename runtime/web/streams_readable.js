// ReadableStream (Streams 4.2) and the operations every readable stream has (4.9.2).

// Readable is the record of a readable stream. Its controller is a DefaultController or a ByteController, its reader a
// DefaultReader or a ByobReader.
class Readable {
  state = 'readable'; // or 'closed', 'errored'
  error = undefined;
  reader = undefined;
  controller = undefined;
  disturbed = false;
  shell = undefined;
  get object() { return (this.shell ??= new ReadableStream(internal, this)); }
}

const readableClose = (stream) => {
  stream.state = 'closed';
  const { reader } = stream;
  if (reader === undefined) return;
  reader.closed.resolve();
  if (reader.byob) return;
  for (const request of reader.requests.take()) request.close();
};

const readableError = (stream, e) => {
  stream.state = 'errored';
  stream.error = e;
  const { reader } = stream;
  if (reader === undefined) return;
  reader.closed.reject(e);
  setHandled(reader.closed.promise);
  for (const request of reader.requests.take()) request.error(e);
};

const readableCancel = (stream, reason) => {
  stream.disturbed = true;
  if (stream.state === 'closed') return resolvedWith();
  if (stream.state === 'errored') return rejectedWith(stream.error);
  readableClose(stream);
  const { reader } = stream;
  if (reader?.byob) for (const request of reader.requests.take()) request.close(undefined);
  return then(stream.controller.cancelSteps(reason), nothing);
};

// fulfillRead hands a chunk to the read that has waited longest.
const fulfillRead = (stream, chunk, done) => {
  const request = stream.reader.requests.shift();
  if (done) request.close(chunk); else request.chunk(chunk);
};

const hasDefaultReader = (stream) => stream.reader !== undefined && !stream.reader.byob;
const hasByobReader = (stream) => stream.reader !== undefined && stream.reader.byob;
const waitingReads = (stream) => stream.reader.requests.length;

const sourceOf = (v) => {
  const { autoAllocateChunkSize, cancel, pull, start, type } = v;
  const source = {
    autoAllocateChunkSize: autoAllocateChunkSize === undefined ? undefined : enforceRange('autoAllocateChunkSize', autoAllocateChunkSize),
    cancel: callback('the cancel of an underlying source', cancel),
    pull: callback('the pull of an underlying source', pull),
    start: callback('the start of an underlying source', start),
    type: type === undefined ? undefined : `${type}`,
  };
  if (type !== undefined && source.type !== 'bytes') {
    throw new TypeError(`the type of an underlying source must be "bytes" or undefined, got "${source.type}"`);
  }
  return source;
};

const pipeOptionsOf = (v) => {
  const d = dictionary('pipe options', v);
  if (!d) return none;
  const preventAbort = !!d.preventAbort;
  const preventCancel = !!d.preventCancel;
  const preventClose = !!d.preventClose;
  const { signal } = d;
  if (signal !== undefined && !host.isSignal(signal)) {
    throw new TypeError(`the signal of pipe options must be an AbortSignal, got ${host.kind(signal)}`);
  }
  return { preventAbort, preventCancel, preventClose, signal };
};

const autoAllocateBytesMax = 64 * 1024 * 1024; // goja allocates what it is told to, and takes the node with it

let readableOf; // the record of a ReadableStream, or undefined
class ReadableStream {
  #record; // a Readable, or a function of the stream that makes it when something asks: see memory in streams_exports.js
  static {
    readableOf = (v) => (isObject(v) && #record in v ? ReadableStream.#awake(v) : undefined);
  }

  static #awake(v) {
    if (typeof v.#record === 'function') v.#record = v.#record(v);
    return v.#record;
  }

  constructor() {
    if (arguments[0] === internal) {
      this.#record = arguments[1];
      return;
    }
    const given = arguments[0];
    if (given !== undefined && !isObject(given)) {
      throw new TypeError(`ReadableStream: the underlying source must be an object, got ${host.kind(given)}`);
    }
    const strategy = strategyOf(arguments[1]);
    const source = given === undefined ? none : sourceOf(given);
    const stream = new Readable();
    stream.shell = this;
    this.#record = stream;
    if (source.type === 'bytes') {
      if (strategy.size !== undefined) throw new RangeError('ReadableStream: a byte stream measures bytes; its strategy must have no size');
      const highWaterMark = highWaterMarkOf(strategy, 0);
      if (source.autoAllocateChunkSize === 0) throw new TypeError('ReadableStream: autoAllocateChunkSize must be positive');
      if (source.autoAllocateChunkSize > autoAllocateBytesMax) {
        throw new RangeError(`ReadableStream: autoAllocateChunkSize must be at most ${autoAllocateBytesMax} bytes, got ${source.autoAllocateChunkSize}`);
      }
      byteStreamFrom(stream, given, source, highWaterMark);
    } else {
      const size = sizeOf(strategy);
      defaultStreamFrom(stream, given, source, highWaterMarkOf(strategy, 1), size);
    }
  }

  static from(iterable) {
    required('ReadableStream.from', 1, arguments.length);
    return readableFromIterable(iterable).object;
  }

  get locked() { return ReadableStream.#self(this, 'locked').reader !== undefined; }

  cancel(reason = undefined) {
    let stream;
    try {
      stream = ReadableStream.#self(this, 'cancel');
      mustBeUnlocked('cancel', stream);
    } catch (e) {
      return rejectedWith(e);
    }
    return readableCancel(stream, reason);
  }

  getReader(options = undefined) {
    const stream = ReadableStream.#self(this, 'getReader');
    const mode = dictionary("getReader's options", options)?.mode;
    if (mode === undefined) return new ReadableStreamDefaultReader(internal, new DefaultReader(stream));
    if (`${mode}` !== 'byob') throw new TypeError(`getReader: mode must be "byob" or undefined, got "${mode}"`);
    return new ReadableStreamBYOBReader(internal, new ByobReader(stream));
  }

  pipeThrough(transform, options = undefined) {
    const stream = ReadableStream.#self(this, 'pipeThrough');
    required('pipeThrough', 1, arguments.length);
    const pair = dictionary("pipeThrough's transform", transform) ?? {};
    const { readable } = pair;
    if (readableOf(readable) === undefined) {
      throw new TypeError(`pipeThrough: the transform's readable must be a ReadableStream, got ${host.kind(readable)}`);
    }
    const writable = writableOf(pair.writable);
    if (writable === undefined) throw new TypeError("pipeThrough: the transform's writable must be a WritableStream");
    const pipe = pipeOptionsOf(options);
    mustBeUnlocked('pipeThrough', stream);
    mustBeUnlocked("pipeThrough: the transform's writable", writable);
    setHandled(pipeTo(stream, writable, pipe));
    return readable;
  }

  pipeTo(destination, options = undefined) {
    try {
      const stream = ReadableStream.#self(this, 'pipeTo');
      required('pipeTo', 1, arguments.length);
      const writable = writableOf(destination);
      if (writable === undefined) {
        throw new TypeError(`pipeTo: the destination must be a WritableStream, got ${host.kind(destination)}`);
      }
      const pipe = pipeOptionsOf(options);
      mustBeUnlocked('pipeTo', stream);
      mustBeUnlocked('pipeTo: the destination', writable);
      return pipeTo(stream, writable, pipe);
    } catch (e) {
      return rejectedWith(e);
    }
  }

  tee() {
    const [a, b] = tee(ReadableStream.#self(this, 'tee'));
    return [a.object, b.object];
  }

  values(options = undefined) {
    const stream = ReadableStream.#self(this, 'values');
    const preventCancel = !!dictionary("values' options", options)?.preventCancel;
    return iteratorOver(new DefaultReader(stream), preventCancel);
  }

  static #self(v, method) {
    if (!isObject(v) || !(#record in v)) throw illegal(method);
    return ReadableStream.#awake(v);
  }
}
native(ReadableStream);
Object.defineProperty(ReadableStream, 'from', enumerable);
Object.defineProperty(ReadableStream.prototype, Symbol.asyncIterator, {
  value: ReadableStream.prototype.values, writable: true, configurable: true,
});

const mustBeUnlocked = (what, stream) => {
  if ((stream.reader ?? stream.writer) !== undefined) throw new TypeError(`${what}: the stream is locked`);
};
