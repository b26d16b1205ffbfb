// The default controller of a readable stream (Streams 4.6, 4.9.4 and 4.9.5).

// pullIfNeeded asks the source for more when someone wants it; both controllers use it (4.9.4, 4.9.6).
const pullIfNeeded = (c) => {
  if (!c.wants()) return;
  if (c.pulling) {
    c.pullAgain = true;
    return;
  }
  c.pulling = true;
  then(c.pull(), () => {
    c.pulling = false;
    if (c.pullAgain) {
      c.pullAgain = false;
      pullIfNeeded(c);
    }
  }, (e) => c.fail(e));
};

// begin starts a controller: its source's start has been called and returned startResult.
const begin = (c, startResult) => {
  then(resolvedWith(startResult), () => {
    c.started = true;
    pullIfNeeded(c);
  }, (e) => c.fail(e));
};

class DefaultController {
  stream = undefined;
  pull = undefined;
  cancel = undefined;
  highWaterMark = undefined;
  size = undefined;
  queue = new SizedFifo();
  started = false;
  closeRequested = false;
  pullAgain = false;
  pulling = false;
  shell = undefined;

  // source has the algorithms pull and cancel, which return promises.
  constructor(stream, source, highWaterMark, size) {
    this.stream = stream;
    this.pull = source.pull;
    this.cancel = source.cancel;
    this.highWaterMark = highWaterMark;
    this.size = size;
    stream.controller = this;
  }
  get object() { return (this.shell ??= new ReadableStreamDefaultController(internal, this)); }

  get open() { return !this.closeRequested && this.stream.state === 'readable'; }

  get desiredSize() {
    const { state } = this.stream;
    if (state === 'errored') return null;
    return state === 'closed' ? 0 : this.highWaterMark - this.queue.total;
  }

  wants() {
    if (!this.open || !this.started) return false;
    if (this.stream.reader !== undefined && waitingReads(this.stream) > 0) return true;
    return this.desiredSize > 0;
  }

  clear() { this.pull = this.cancel = this.size = undefined; }

  fail(e) {
    if (this.stream.state !== 'readable') return;
    this.queue.reset();
    this.clear();
    readableError(this.stream, e);
  }

  cancelSteps(reason) {
    this.queue.reset();
    const result = this.cancel(reason);
    this.clear();
    return result;
  }

  pullSteps(request) {
    if (this.queue.length === 0) {
      this.stream.reader.requests.push(request);
      pullIfNeeded(this);
      return;
    }
    const chunk = this.queue.get();
    if (this.closeRequested && this.queue.length === 0) {
      this.clear();
      readableClose(this.stream);
    } else {
      pullIfNeeded(this);
    }
    request.chunk(chunk);
  }

  releaseSteps() {}
}

const defaultClose = (c) => {
  if (!c.open) return;
  c.closeRequested = true;
  if (c.queue.length === 0) {
    c.clear();
    readableClose(c.stream);
  }
};

const defaultEnqueue = (c, chunk) => {
  if (!c.open) return;
  const { stream } = c;
  if (stream.reader !== undefined && waitingReads(stream) > 0) {
    fulfillRead(stream, chunk, false);
  } else {
    try {
      c.queue.put(chunk, c.size(chunk));
    } catch (e) {
      c.fail(e);
      throw e;
    }
  }
  pullIfNeeded(c);
};

class ReadableStreamDefaultController {
  #record;
  constructor() {
    if (arguments[0] !== internal) throw new TypeError('Illegal constructor: ReadableStreamDefaultController objects are not made with new');
    this.#record = arguments[1];
  }
  get desiredSize() { return ReadableStreamDefaultController.#self(this, 'desiredSize').desiredSize; }
  close() {
    const c = ReadableStreamDefaultController.#self(this, 'close');
    if (!c.open) throw notOpen('close', c);
    defaultClose(c);
  }
  enqueue(chunk = undefined) {
    const c = ReadableStreamDefaultController.#self(this, 'enqueue');
    if (!c.open) throw notOpen('enqueue', c);
    defaultEnqueue(c, chunk);
  }
  error(e = undefined) { ReadableStreamDefaultController.#self(this, 'error').fail(e); }

  static #self(v, method) {
    if (!isObject(v) || !(#record in v)) throw illegal(method);
    return v.#record;
  }
}
native(ReadableStreamDefaultController);

const notOpen = (what, c) => new TypeError(
  `${what}: the stream is ${c.stream.state === 'readable' ? 'closing: close was called before' : c.stream.state}`);

// algorithm is a method of a source or sink that code wrote, as a function that returns a promise.
const algorithm = (object, method) => (method === undefined ? () => resolvedWith() : (...args) => promised(method, object, ...args));

const defaultStreamFrom = (stream, object, source, highWaterMark, size) => {
  const pull = algorithm(object, source.pull);
  const c = new DefaultController(stream, {
    pull: () => pull(c.object),
    cancel: algorithm(object, source.cancel),
  }, highWaterMark, size);
  begin(c, source.start === undefined ? undefined : apply(source.start, object, [c.object]));
};

// createReadable is a readable stream over a source of ours.
const createReadable = (source, highWaterMark = 1, size = one, started = undefined) => {
  const stream = new Readable();
  begin(new DefaultController(stream, source, highWaterMark, size), started);
  return stream;
};
