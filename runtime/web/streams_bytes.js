// The controller of a readable byte stream (Streams 4.7, 4.8 and 4.9.6).

// ByteController holds bytes as { buffer, byteOffset, byteLength } and pull-into descriptors: what a reader's view,
// transferred, is filled through.
class ByteController {
  stream = undefined;
  pull = undefined;
  cancel = undefined;
  highWaterMark = undefined;
  autoAllocateChunkSize = undefined;
  queue = new Fifo();
  total = 0;
  started = false;
  closeRequested = false;
  pullAgain = false;
  pulling = false;
  pending = new Fifo();
  request = null;
  shell = undefined;

  // source has the algorithms pull and cancel, which return promises.
  constructor(stream, source, highWaterMark, autoAllocateChunkSize) {
    this.stream = stream;
    this.pull = source.pull;
    this.cancel = source.cancel;
    this.highWaterMark = highWaterMark;
    this.autoAllocateChunkSize = autoAllocateChunkSize;
    stream.controller = this;
  }
  get object() { return (this.shell ??= new ReadableByteStreamController(internal, this)); }

  get desiredSize() {
    const { state } = this.stream;
    if (state === 'errored') return null;
    return state === 'closed' ? 0 : this.highWaterMark - this.total;
  }

  get byobRequest() {
    if (this.request === null && this.pending.length > 0) {
      const d = this.pending.first;
      const view = new Bytes(d.buffer, d.byteOffset + d.filled, d.byteLength - d.filled);
      this.request = new ReadableStreamBYOBRequest(internal, this, view);
    }
    return this.request;
  }

  wants() {
    const { stream } = this;
    if (stream.state !== 'readable' || this.closeRequested || !this.started) return false;
    if (stream.reader !== undefined && waitingReads(stream) > 0) return true;
    return this.desiredSize > 0;
  }

  clear() { this.pull = this.cancel = undefined; }

  reset() {
    this.queue.clear();
    this.total = 0;
  }

  dropPending() {
    this.invalidate();
    this.pending.clear();
  }

  invalidate() {
    if (this.request === null) return;
    detachRequest(this.request);
    this.request = null;
  }

  fail(e) {
    if (this.stream.state !== 'readable') return;
    this.dropPending();
    this.reset();
    this.clear();
    readableError(this.stream, e);
  }

  cancelSteps(reason) {
    this.dropPending();
    this.reset();
    const result = this.cancel(reason);
    this.clear();
    return result;
  }

  pullSteps(request) {
    if (this.total > 0) {
      fillRead(this, request);
      return;
    }
    const size = this.autoAllocateChunkSize;
    if (size !== undefined) {
      let buffer;
      try {
        buffer = new BufferOf(size);
      } catch (e) {
        request.error(e);
        return;
      }
      this.pending.push({
        buffer, bufferByteLength: size, byteOffset: 0, byteLength: size, filled: 0, minimum: 1, elementSize: 1,
        constructor: Bytes, reader: 'default',
      });
    }
    this.stream.reader.requests.push(request);
    pullIfNeeded(this);
  }

  releaseSteps() {
    if (this.pending.length === 0) return;
    const { first } = this.pending;
    first.reader = 'none';
    this.pending.clear();
    this.pending.push(first);
  }

  shiftPending() { return this.pending.shift(); }

  put(buffer, byteOffset, byteLength) {
    this.queue.push({ buffer, byteOffset, byteLength });
    this.total += byteLength;
  }
}

const byteClose = (c) => {
  if (c.closeRequested || c.stream.state !== 'readable') return;
  if (c.total > 0) {
    c.closeRequested = true;
    return;
  }
  if (c.pending.length > 0) {
    const { first } = c.pending;
    if (first.filled % first.elementSize !== 0) {
      const e = new TypeError('close: the last view is filled up to the middle of an element');
      c.fail(e);
      throw e;
    }
  }
  c.clear();
  readableClose(c.stream);
};

const drained = (c) => {
  if (c.total === 0 && c.closeRequested) {
    c.clear();
    readableClose(c.stream);
  } else {
    pullIfNeeded(c);
  }
};

const filledView = (d) => new d.constructor(host.transfer(d.buffer), d.byteOffset, d.filled / d.elementSize);

const commit = (stream, d) => fulfillRead(stream, filledView(d), stream.state === 'closed');

// byteEnqueue takes over view's buffer.
const byteEnqueue = (c, view) => {
  const { stream } = c;
  if (c.closeRequested || stream.state !== 'readable') return;
  const { buffer, byteOffset, byteLength } = viewOf('enqueue: the chunk', view);
  if (host.detached(buffer)) throw new TypeError("enqueue: the chunk's buffer is detached");
  const bytes = host.transfer(buffer);
  if (c.pending.length > 0) {
    const { first } = c.pending;
    if (host.detached(first.buffer)) throw new TypeError("enqueue: the buffer of the byobRequest's view is detached");
    c.invalidate();
    first.buffer = host.transfer(first.buffer);
    if (first.reader === 'none') enqueueDetached(c, first);
  }
  if (hasDefaultReader(stream)) {
    const { requests } = stream.reader;
    while (requests.length > 0 && c.total > 0) fillRead(c, requests.shift());
    if (requests.length === 0) {
      c.put(bytes, byteOffset, byteLength);
    } else {
      if (c.pending.length > 0) c.shiftPending();
      fulfillRead(stream, new Bytes(bytes, byteOffset, byteLength), false);
    }
  } else {
    c.put(bytes, byteOffset, byteLength);
    if (hasByobReader(stream)) for (const d of fillPending(c)) commit(stream, d);
  }
  pullIfNeeded(c);
};

const enqueueClone = (c, buffer, byteOffset, byteLength) => {
  let clone;
  try {
    clone = sliceBuffer(buffer, byteOffset, byteOffset + byteLength);
  } catch (e) {
    c.fail(e);
    throw e;
  }
  c.put(clone, 0, byteLength);
};

// enqueueDetached puts back what a view whose reader has left had been filled with.
const enqueueDetached = (c, d) => {
  if (d.filled > 0) enqueueClone(c, d.buffer, d.byteOffset, d.filled);
  c.shiftPending();
};

// fillFromQueue reports whether d has its minimum, and is to be committed.
const fillFromQueue = (c, d) => {
  const most = Math.min(c.total, d.byteLength - d.filled);
  const aligned = d.filled + most - ((d.filled + most) % d.elementSize);
  const ready = aligned >= d.minimum;
  let left = ready ? aligned - d.filled : most;
  while (left > 0) {
    const head = c.queue.first;
    const n = Math.min(left, head.byteLength);
    copyBytes(new Bytes(d.buffer), new Bytes(head.buffer, head.byteOffset, n), d.byteOffset + d.filled);
    if (head.byteLength === n) {
      c.queue.shift();
    } else {
      head.byteOffset += n;
      head.byteLength -= n;
    }
    c.total -= n;
    d.filled += n;
    left -= n;
  }
  return ready;
};

const fillRead = (c, request) => {
  const { buffer, byteOffset, byteLength } = c.queue.shift();
  c.total -= byteLength;
  drained(c);
  request.chunk(new Bytes(buffer, byteOffset, byteLength));
};

const fillPending = (c) => {
  const filled = [];
  while (c.pending.length > 0 && c.total > 0 && fillFromQueue(c, c.pending.first)) filled[filled.length] = c.shiftPending();
  return filled;
};

const pullInto = (c, view, min, request) => {
  const { stream } = c;
  let buffer;
  try {
    buffer = host.transfer(view.buffer);
  } catch (e) {
    request.error(e);
    return;
  }
  const d = {
    buffer, bufferByteLength: byteLengthOfBuffer(buffer), byteOffset: view.byteOffset, byteLength: view.byteLength, filled: 0,
    minimum: min * view.elementSize, elementSize: view.elementSize, constructor: view.constructor, reader: 'byob',
  };
  if (c.pending.length > 0) {
    c.pending.push(d);
    stream.reader.requests.push(request);
    return;
  }
  if (stream.state === 'closed') {
    request.close(new d.constructor(d.buffer, d.byteOffset, 0));
    return;
  }
  if (c.total > 0) {
    if (fillFromQueue(c, d)) {
      const chunk = filledView(d);
      drained(c);
      request.chunk(chunk);
      return;
    }
    if (c.closeRequested) {
      const e = new TypeError('read: the stream ended in the middle of an element of the view');
      c.fail(e);
      request.error(e);
      return;
    }
  }
  c.pending.push(d);
  stream.reader.requests.push(request);
  pullIfNeeded(c);
};

const mustBeRespondable = (what, c, d, n) => {
  if (c.stream.state === 'closed') {
    if (n !== 0) throw new TypeError(`${what}: the stream is closed, so nothing may be written, got ${n} byte(s)`);
  } else if (n === 0) {
    throw new TypeError(`${what}: at least one byte must be written while the stream is readable`);
  } else if (d.filled + n > d.byteLength) {
    throw new RangeError(`${what}: ${n} bytes do not fit the ${d.byteLength - d.filled} left of the view`);
  }
};

const respond = (c, n) => {
  const d = c.pending.first;
  mustBeRespondable('respond', c, d, n);
  d.buffer = host.transfer(d.buffer);
  settleFirst(c, n);
};

const respondWithNewView = (c, view) => {
  const d = c.pending.first;
  const { buffer, byteOffset, byteLength } = viewOf("respondWithNewView's view", view);
  if (host.detached(buffer)) throw new TypeError("respondWithNewView: the view's buffer is detached");
  mustBeRespondable('respondWithNewView', c, d, byteLength);
  if (d.byteOffset + d.filled !== byteOffset) throw new RangeError("respondWithNewView: the view must begin where the request's does");
  if (d.bufferByteLength !== byteLengthOfBuffer(buffer)) {
    throw new RangeError("respondWithNewView: the view's buffer must be as long as the request's");
  }
  d.buffer = host.transfer(buffer);
  settleFirst(c, byteLength);
};

// settleFirst takes n bytes as written into the first pending view.
const settleFirst = (c, n) => {
  const { stream } = c;
  const d = c.pending.first;
  c.invalidate();
  if (stream.state === 'closed') {
    if (d.reader === 'none') c.shiftPending();
    if (hasByobReader(stream)) {
      const all = [];
      while (all.length < waitingReads(stream)) all[all.length] = c.shiftPending();
      for (const each of all) commit(stream, each);
    }
  } else {
    respondWhileReadable(c, d, n);
  }
  pullIfNeeded(c);
};

const respondWhileReadable = (c, d, n) => {
  const { stream } = c;
  d.filled += n;
  if (d.reader === 'none') {
    enqueueDetached(c, d);
    for (const each of fillPending(c)) commit(stream, each);
    return;
  }
  if (d.filled < d.minimum) return;
  c.shiftPending();
  const rest = d.filled % d.elementSize;
  if (rest > 0) enqueueClone(c, d.buffer, d.byteOffset + d.filled - rest, rest);
  d.filled -= rest;
  const filled = fillPending(c);
  commit(stream, d);
  for (const each of filled) commit(stream, each);
};

class ReadableByteStreamController {
  #record;
  constructor() {
    if (arguments[0] !== internal) throw new TypeError('Illegal constructor: ReadableByteStreamController objects are not made with new');
    this.#record = arguments[1];
  }
  get byobRequest() { return ReadableByteStreamController.#self(this, 'byobRequest').byobRequest; }
  get desiredSize() { return ReadableByteStreamController.#self(this, 'desiredSize').desiredSize; }
  close() {
    const c = ReadableByteStreamController.#self(this, 'close');
    if (c.closeRequested || c.stream.state !== 'readable') throw notOpen('close', c);
    byteClose(c);
  }
  enqueue(chunk) {
    const c = ReadableByteStreamController.#self(this, 'enqueue');
    required('enqueue', 1, arguments.length);
    const { buffer, byteLength } = viewOf('enqueue: the chunk', chunk);
    if (byteLength === 0) throw new TypeError('enqueue: the chunk must not be empty');
    if (byteLengthOfBuffer(buffer) === 0) throw new TypeError("enqueue: the chunk's buffer must not be empty");
    if (c.closeRequested || c.stream.state !== 'readable') throw notOpen('enqueue', c);
    byteEnqueue(c, chunk);
  }
  error(e = undefined) { ReadableByteStreamController.#self(this, 'error').fail(e); }

  static #self(v, method) {
    if (!isObject(v) || !(#record in v)) throw illegal(method);
    return v.#record;
  }
}
native(ReadableByteStreamController);

let detachRequest;
class ReadableStreamBYOBRequest {
  #controller;
  #view;
  static {
    detachRequest = (request) => {
      request.#controller = undefined;
      request.#view = null;
    };
  }
  constructor() {
    if (arguments[0] !== internal) throw new TypeError('Illegal constructor: ReadableStreamBYOBRequest objects are not made with new');
    this.#controller = arguments[1];
    this.#view = arguments[2];
  }
  get view() {
    if (!isObject(this) || !(#view in this)) throw illegal('view');
    return this.#view;
  }
  respond(bytesWritten) {
    const c = ReadableStreamBYOBRequest.#self(this, 'respond', arguments.length);
    const n = enforceRange('respond: bytesWritten', bytesWritten);
    this.#mustBeValid('respond');
    if (host.detached(viewOf('respond', this.#view).buffer)) throw new TypeError("respond: the view's buffer is detached");
    respond(c, n);
  }
  respondWithNewView(view) {
    const c = ReadableStreamBYOBRequest.#self(this, 'respondWithNewView', arguments.length);
    const { buffer } = viewOf("respondWithNewView's view", view);
    this.#mustBeValid('respondWithNewView');
    if (host.detached(buffer)) throw new TypeError("respondWithNewView: the view's buffer is detached");
    respondWithNewView(c, view);
  }

  static #self(v, method, got) {
    if (!isObject(v) || !(#view in v)) throw illegal(method);
    required(method, 1, got);
    return v.#controller;
  }
  #mustBeValid(method) {
    if (this.#controller === undefined) throw new TypeError(`${method}: this request was answered already, or its reader has left`);
  }
}
native(ReadableStreamBYOBRequest);

const byteStreamFrom = (stream, object, source, highWaterMark) => {
  const pull = algorithm(object, source.pull);
  const c = new ByteController(stream, {
    pull: () => pull(c.object),
    cancel: algorithm(object, source.cancel),
  }, highWaterMark, source.autoAllocateChunkSize);
  begin(c, source.start === undefined ? undefined : apply(source.start, object, [c.object]));
};

// createBytes is a readable byte stream over a source of ours.
const createBytes = (source, highWaterMark = 0) => {
  const stream = new Readable();
  begin(new ByteController(stream, source, highWaterMark, undefined));
  return stream;
};
