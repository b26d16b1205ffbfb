// WritableStream and its controller (Streams 5.2, 5.4, 5.5).

// Writable is the record of a writable stream. A request in it is a Deferred.
class Writable {
  state = 'writable'; // or 'erroring', 'errored', 'closed'
  error = undefined;
  writer = undefined;
  controller = undefined;
  writes = new Fifo(); // requests that wait
  write = undefined; // the request whose chunk is at the sink
  closing = undefined; // the request to close that waits
  close = undefined; // the one at the sink
  aborting = undefined; // { deferred, reason, wasErroring }
  backpressure = false;
  shell = undefined;
  get object() { return (this.shell ??= new WritableStream(internal, this)); }
  get isClosing() { return this.closing !== undefined || this.close !== undefined; }
}

const writableAbort = (stream, reason) => {
  if (stream.state === 'closed' || stream.state === 'errored') return resolvedWith();
  stream.controller.abortSignal(reason);
  const { state } = stream; // the signal ran code
  if (state === 'closed' || state === 'errored') return resolvedWith();
  if (stream.aborting !== undefined) return stream.aborting.deferred.promise;
  const wasErroring = state === 'erroring';
  const deferred = new Deferred();
  stream.aborting = { deferred, reason: wasErroring ? undefined : reason, wasErroring };
  if (!wasErroring) startErroring(stream, reason);
  return deferred.promise;
};

const writableClose = (stream) => {
  if (stream.state === 'closed' || stream.state === 'errored') {
    return rejectedWith(new TypeError(`close: the stream is ${stream.state}`));
  }
  const deferred = (stream.closing = new Deferred());
  const { writer } = stream;
  if (writer !== undefined && stream.backpressure && stream.state === 'writable') writer.ready.resolve();
  stream.controller.queue.put(closeMark, 0);
  advance(stream.controller);
  return deferred.promise;
};

const startErroring = (stream, reason) => {
  const { controller, writer } = stream;
  stream.state = 'erroring';
  stream.error = reason;
  if (writer !== undefined) writer.rejectReady(reason);
  if (stream.write === undefined && stream.close === undefined && controller.started) finishErroring(stream);
};

const finishErroring = (stream) => {
  stream.state = 'errored';
  stream.controller.queue.reset();
  const { error } = stream;
  for (const request of stream.writes.take()) request.reject(error);
  const { aborting } = stream;
  if (aborting === undefined) {
    rejectClosed(stream);
    return;
  }
  stream.aborting = undefined;
  if (aborting.wasErroring) {
    aborting.deferred.reject(error);
    rejectClosed(stream);
    return;
  }
  then(stream.controller.abortSteps(aborting.reason), () => {
    aborting.deferred.resolve();
    rejectClosed(stream);
  }, (e) => {
    aborting.deferred.reject(e);
    rejectClosed(stream);
  });
};

const rejectClosed = (stream) => {
  if (stream.closing !== undefined) {
    stream.closing.reject(stream.error);
    stream.closing = undefined;
  }
  if (stream.writer !== undefined) {
    stream.writer.closed.reject(stream.error);
    setHandled(stream.writer.closed.promise);
  }
};

const dealWithRejection = (stream, e) => {
  if (stream.state === 'writable') startErroring(stream, e);
  else finishErroring(stream);
};

const updateBackpressure = (stream, backpressure) => {
  const { writer } = stream;
  if (writer !== undefined && backpressure !== stream.backpressure) {
    if (backpressure) writer.ready = new Deferred();
    else writer.ready.resolve();
  }
  stream.backpressure = backpressure;
};

const closeMark = {};

class WritableController {
  stream = undefined;
  write = undefined;
  close = undefined;
  abort = undefined;
  highWaterMark = undefined;
  size = undefined;
  queue = new SizedFifo();
  started = false;
  shell = undefined;
  signal = undefined;
  aborted = undefined;

  // sink has the algorithms write, close and abort, which return promises.
  constructor(stream, sink, highWaterMark, size) {
    this.stream = stream;
    this.write = sink.write;
    this.close = sink.close;
    this.abort = sink.abort;
    this.highWaterMark = highWaterMark;
    this.size = size;
    stream.controller = this;
    updateBackpressure(stream, this.desiredSize <= 0);
  }
  get object() { return (this.shell ??= new WritableStreamDefaultController(internal, this)); }
  get desiredSize() { return this.highWaterMark - this.queue.total; }

  // The signal is made when code asks for it: most sinks never do.
  get signalObject() {
    if (this.signal === undefined) {
      this.signal = host.newSignal();
      if (this.aborted !== undefined) host.abort(this.signal, this.aborted.reason);
    }
    return this.signal;
  }
  abortSignal(reason) {
    this.aborted ??= { reason };
    if (this.signal !== undefined) host.abort(this.signal, reason);
  }

  abortSteps(reason) {
    const result = this.abort(reason);
    this.clear();
    return result;
  }

  clear() { this.write = this.close = this.abort = this.size = undefined; }

  fail(e) {
    if (this.stream.state !== 'writable') return;
    this.clear();
    startErroring(this.stream, e);
  }

  sizeOf(chunk) {
    if (this.size === undefined) return 1;
    try {
      return this.size(chunk);
    } catch (e) {
      this.fail(e);
      return 1;
    }
  }

  put(chunk, size) {
    try {
      this.queue.put(chunk, size);
    } catch (e) {
      this.fail(e);
      return;
    }
    const { stream } = this;
    if (!stream.isClosing && stream.state === 'writable') updateBackpressure(stream, this.desiredSize <= 0);
    advance(this);
  }
}

// advance gives the sink what is next, when it is idle.
const advance = (c) => {
  const { stream } = c;
  if (!c.started || stream.write !== undefined) return;
  if (stream.state === 'erroring') {
    finishErroring(stream);
    return;
  }
  if (c.queue.length === 0) return;
  const { value } = c.queue.first;
  if (value === closeMark) sinkClose(c);
  else sinkWrite(c, value);
};

const sinkWrite = (c, chunk) => {
  const { stream } = c;
  stream.write = stream.writes.shift();
  then(c.write(chunk), () => {
    stream.write.resolve();
    stream.write = undefined;
    c.queue.get();
    if (!stream.isClosing && stream.state === 'writable') updateBackpressure(stream, c.desiredSize <= 0);
    advance(c);
  }, (e) => {
    if (stream.state === 'writable') c.clear();
    stream.write.reject(e);
    stream.write = undefined;
    dealWithRejection(stream, e);
  });
};

const sinkClose = (c) => {
  const { stream } = c;
  stream.close = stream.closing;
  stream.closing = undefined;
  c.queue.get();
  const result = c.close();
  c.clear();
  then(result, () => {
    stream.close.resolve();
    stream.close = undefined;
    if (stream.state === 'erroring') {
      stream.error = undefined;
      if (stream.aborting !== undefined) {
        stream.aborting.deferred.resolve();
        stream.aborting = undefined;
      }
    }
    stream.state = 'closed';
    if (stream.writer !== undefined) stream.writer.closed.resolve();
  }, (e) => {
    stream.close.reject(e);
    stream.close = undefined;
    if (stream.aborting !== undefined) {
      stream.aborting.deferred.reject(e);
      stream.aborting = undefined;
    }
    dealWithRejection(stream, e);
  });
};

// open starts a controller: its sink's start has been called and returned startResult.
const open = (c, startResult) => {
  then(resolvedWith(startResult), () => {
    c.started = true;
    advance(c);
  }, (e) => {
    c.started = true;
    dealWithRejection(c.stream, e);
  });
};

const sinkOf = (v) => {
  const { abort, close, start, type, write } = v;
  const sink = {
    abort: callback('the abort of an underlying sink', abort),
    close: callback('the close of an underlying sink', close),
    start: callback('the start of an underlying sink', start),
    write: callback('the write of an underlying sink', write),
  };
  if (type !== undefined) throw new RangeError(`WritableStream: the type of an underlying sink must be undefined, got ${host.kind(type)}`);
  return sink;
};

let writableOf; // the record of a WritableStream, or undefined
class WritableStream {
  #record;
  static {
    writableOf = (v) => (isObject(v) && #record in v ? v.#record : undefined);
  }

  constructor() {
    if (arguments[0] === internal) {
      this.#record = arguments[1];
      return;
    }
    const given = arguments[0];
    if (given !== undefined && !isObject(given)) {
      throw new TypeError(`WritableStream: the underlying sink must be an object, got ${host.kind(given)}`);
    }
    const strategy = strategyOf(arguments[1]);
    const sink = given === undefined ? none : sinkOf(given);
    const size = sizeOf(strategy);
    const highWaterMark = highWaterMarkOf(strategy, 1);
    const stream = new Writable();
    stream.shell = this;
    this.#record = stream;
    const write = algorithm(given, sink.write);
    const c = new WritableController(stream, {
      write: (chunk) => write(chunk, c.object),
      close: algorithm(given, sink.close),
      abort: algorithm(given, sink.abort),
    }, highWaterMark, size);
    open(c, sink.start === undefined ? undefined : apply(sink.start, given, [c.object]));
  }

  get locked() { return WritableStream.#self(this, 'locked').writer !== undefined; }

  abort(reason = undefined) {
    try {
      const stream = WritableStream.#self(this, 'abort');
      mustBeUnlocked('abort', stream);
      return writableAbort(stream, reason);
    } catch (e) {
      return rejectedWith(e);
    }
  }

  close() {
    try {
      const stream = WritableStream.#self(this, 'close');
      mustBeUnlocked('close', stream);
      if (stream.isClosing) throw new TypeError('close: the stream is closing already');
      return writableClose(stream);
    } catch (e) {
      return rejectedWith(e);
    }
  }

  getWriter() { return new WritableStreamDefaultWriter(internal, new Writer(WritableStream.#self(this, 'getWriter'))); }

  static #self(v, method) {
    if (!isObject(v) || !(#record in v)) throw illegal(method);
    return v.#record;
  }
}
native(WritableStream);

class WritableStreamDefaultController {
  #record;
  constructor() {
    if (arguments[0] !== internal) throw new TypeError('Illegal constructor: WritableStreamDefaultController objects are not made with new');
    this.#record = arguments[1];
  }
  get signal() {
    if (!isObject(this) || !(#record in this)) throw illegal('signal');
    return this.#record.signalObject;
  }
  error(e = undefined) {
    if (!isObject(this) || !(#record in this)) throw illegal('error');
    this.#record.fail(e);
  }
}
native(WritableStreamDefaultController);

// createWritable is a writable stream over a sink of ours.
const createWritable = (sink, highWaterMark = 1, size = one, started = undefined) => {
  const stream = new Writable();
  open(new WritableController(stream, sink, highWaterMark, size), started);
  return stream;
};
