// The two readers of a readable stream (Streams 4.3 to 4.5) and its iterator (4.2.5).

class Reader {
  stream = undefined;
  closed = undefined;
  requests = new Fifo(); // reads that wait for a chunk: objects with chunk, close and error
  constructor(stream) {
    mustBeUnlocked('getReader', stream);
    this.stream = stream;
    stream.reader = this;
    if (stream.state === 'readable') this.closed = new Deferred();
    else if (stream.state === 'closed') this.closed = Deferred.resolved();
    else this.closed = Deferred.rejected(stream.error);
  }

  cancel(reason) { return readableCancel(this.stream, reason); }

  release() {
    const { stream } = this;
    const e = new TypeError('the reader was released');
    if (stream.state === 'readable') {
      this.closed.reject(e);
      setHandled(this.closed.promise);
    } else {
      this.closed = Deferred.rejected(e);
    }
    stream.controller.releaseSteps();
    stream.reader = undefined;
    this.stream = undefined;
    for (const request of this.requests.take()) request.error(e);
  }
}

class DefaultReader extends Reader {
  byob = false;
  read(request) {
    const { stream } = this;
    stream.disturbed = true;
    if (stream.state === 'closed') request.close();
    else if (stream.state === 'errored') request.error(stream.error);
    else stream.controller.pullSteps(request);
  }
}

class ByobReader extends Reader {
  byob = true;
  constructor(stream) {
    if (!(stream.controller instanceof ByteController)) {
      throw new TypeError('getReader: a byob reader needs a byte stream (an underlying source with type "bytes")');
    }
    super(stream);
  }
  read(view, min, request) {
    const { stream } = this;
    stream.disturbed = true;
    if (stream.state === 'errored') request.error(stream.error);
    else pullInto(stream.controller, view, min, request);
  }
}

const released = (method) => new TypeError(`${method}: the reader was released`);

// readRequest is a read whose outcome is a promise of { value, done }.
const readRequest = () => {
  let request;
  const promise = new PromiseOf((resolve, reject) => {
    request = {
      chunk: (value) => resolve({ value, done: false }),
      close: (value) => resolve({ value, done: true }),
      error: reject,
    };
  });
  request.promise = promise;
  return request;
};

class ReadableStreamDefaultReader {
  #record;
  constructor(stream) {
    if (arguments[0] === internal) {
      this.#record = arguments[1];
      return;
    }
    required('ReadableStreamDefaultReader', 1, arguments.length);
    const record = readableOf(stream);
    if (record === undefined) throw new TypeError('ReadableStreamDefaultReader: the argument must be a ReadableStream');
    this.#record = new DefaultReader(record);
  }
  get closed() {
    if (!isObject(this) || !(#record in this)) return rejectedWith(illegal('closed'));
    return this.#record.closed.promise;
  }
  cancel(reason = undefined) {
    if (!isObject(this) || !(#record in this)) return rejectedWith(illegal('cancel'));
    if (this.#record.stream === undefined) return rejectedWith(released('cancel'));
    return this.#record.cancel(reason);
  }
  read() {
    if (!isObject(this) || !(#record in this)) return rejectedWith(illegal('read'));
    if (this.#record.stream === undefined) return rejectedWith(released('read'));
    const request = readRequest();
    this.#record.read(request);
    return request.promise;
  }
  releaseLock() {
    if (!isObject(this) || !(#record in this)) throw illegal('releaseLock');
    if (this.#record.stream !== undefined) this.#record.release();
  }
}
native(ReadableStreamDefaultReader);

class ReadableStreamBYOBReader {
  #record;
  constructor(stream) {
    if (arguments[0] === internal) {
      this.#record = arguments[1];
      return;
    }
    required('ReadableStreamBYOBReader', 1, arguments.length);
    const record = readableOf(stream);
    if (record === undefined) throw new TypeError('ReadableStreamBYOBReader: the argument must be a ReadableStream');
    this.#record = new ByobReader(record);
  }
  get closed() {
    if (!isObject(this) || !(#record in this)) return rejectedWith(illegal('closed'));
    return this.#record.closed.promise;
  }
  cancel(reason = undefined) {
    if (!isObject(this) || !(#record in this)) return rejectedWith(illegal('cancel'));
    if (this.#record.stream === undefined) return rejectedWith(released('cancel'));
    return this.#record.cancel(reason);
  }
  read(view, options = undefined) {
    const request = readRequest();
    try {
      if (!isObject(this) || !(#record in this)) throw illegal('read');
      required('read', 1, arguments.length);
      const v = viewOf("read's view", view);
      const given = dictionary("read's options", options)?.min;
      const min = given === undefined ? 1 : enforceRange('min', given);
      if (host.detached(v.buffer)) throw new TypeError("read: the view's buffer is detached");
      if (v.byteLength === 0) throw new TypeError('read: the view must not be empty');
      if (min === 0) throw new TypeError('read: min must be positive');
      if (min > v.length) throw new RangeError(`read: min must not exceed the view's length, ${v.length}, got ${min}`);
      if (this.#record.stream === undefined) throw released('read');
      this.#record.read(v, min, request);
    } catch (e) {
      return rejectedWith(e);
    }
    return request.promise;
  }
  releaseLock() {
    if (!isObject(this) || !(#record in this)) throw illegal('releaseLock');
    if (this.#record.stream !== undefined) this.#record.release();
  }
}
native(ReadableStreamBYOBReader);

// Iteration: steps queue behind one another, whatever code does with next and return (Web IDL 3.7.10.2).

const stepsOf = new WeakMap();
const iteratorOver = (reader, preventCancel) => {
  const iterator = Object.create(ReadableStreamAsyncIterator);
  stepsOf.set(iterator, { reader, preventCancel, finished: false, ongoing: undefined });
  return iterator;
};

const end = {};
const nextStep = (steps) => {
  if (steps.finished) return resolvedWith({ value: undefined, done: true });
  const { reader } = steps;
  const read = new PromiseOf((resolve, reject) => reader.read({
    chunk(value) { resolve({ value, done: false }); },
    close() {
      reader.release();
      resolve(end);
    },
    error(e) {
      reader.release();
      reject(e);
    },
  }));
  return then(read, (result) => {
    steps.ongoing = undefined;
    if (result !== end) return result;
    steps.finished = true;
    return { value: undefined, done: true };
  }, (e) => {
    steps.ongoing = undefined;
    steps.finished = true;
    throw e;
  });
};

const returnStep = (steps, value) => {
  if (steps.finished) return resolvedWith({ value, done: true });
  steps.finished = true;
  const { reader } = steps;
  if (steps.preventCancel) {
    reader.release();
    return resolvedWith({ value, done: true });
  }
  const result = reader.cancel(value);
  reader.release();
  return then(result, () => ({ value, done: true }));
};

const enqueueStep = (iterator, step, name, value) => {
  const steps = isObject(iterator) ? stepsOf.get(iterator) : undefined;
  if (steps === undefined) return rejectedWith(illegal(name));
  const run = () => step(steps, value);
  return (steps.ongoing = steps.ongoing === undefined ? run() : then(steps.ongoing, run, run));
};

const AsyncIterator = Object.defineProperty({}, Symbol.asyncIterator, {
  value: { [Symbol.asyncIterator]() { return this; } }[Symbol.asyncIterator], writable: true, configurable: true,
});
const ReadableStreamAsyncIterator = Object.setPrototypeOf({
  next() { return enqueueStep(this, nextStep, 'next'); },
  return(value) { return enqueueStep(this, returnStep, 'return', value); },
}, AsyncIterator);
Object.defineProperty(ReadableStreamAsyncIterator, Symbol.toStringTag, { value: 'ReadableStream AsyncIterator', configurable: true });
