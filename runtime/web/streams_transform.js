// TransformStream and its controller (Streams 6).

// Transform is the record of a transform stream. transformer has the algorithms transform, flush and cancel, which
// return promises; they are dropped when the stream ends.
class Transform {
  transformer = undefined;
  writable = undefined;
  readable = undefined;
  backpressure = undefined;
  change = undefined; // of the backpressure
  finish = undefined; // of a close, abort or cancel in progress
  controller = undefined; // the shell
  shell = undefined;

  constructor(transformer, started, writable, readable) {
    this.transformer = transformer;
    this.writable = createWritable({
      write: (chunk) => this.write(chunk),
      close: () => this.flush(),
      abort: (reason) => this.end(reason, () => {
        if (this.readable.state === 'errored') throw this.readable.error;
        this.readable.controller.fail(reason);
      }, (e) => this.readable.controller.fail(e)),
    }, writable.highWaterMark, writable.size, started);
    this.readable = createReadable({
      pull: () => {
        this.setBackpressure(false);
        return this.change.promise;
      },
      cancel: (reason) => this.end(reason, () => {
        if (this.writable.state === 'errored') throw this.writable.error;
        this.writable.controller.fail(reason);
        this.unblock();
      }, (e) => {
        this.writable.controller.fail(e);
        this.unblock();
      }),
    }, readable.highWaterMark, readable.size, started);
    this.setBackpressure(true);
  }
  get object() { return (this.controller ??= new TransformStreamDefaultController(internal, this)); }

  setBackpressure(backpressure) {
    this.change?.resolve();
    this.change = new Deferred();
    this.backpressure = backpressure;
  }

  unblock() {
    if (this.backpressure) this.setBackpressure(false);
  }

  write(chunk) {
    if (!this.backpressure) return this.transform(chunk);
    return then(this.change.promise, () => {
      if (this.writable.state === 'erroring') throw this.writable.error;
      return this.transform(chunk);
    });
  }

  transform(chunk) {
    return then(this.transformer.transform(chunk), undefined, (e) => {
      this.fail(e);
      throw e;
    });
  }

  enqueue(chunk) {
    const { controller } = this.readable;
    if (!controller.open) throw notOpen('enqueue', controller);
    try {
      defaultEnqueue(controller, chunk);
    } catch (e) {
      this.failWritable(e);
      throw this.readable.error;
    }
    const backpressure = !controller.wants();
    if (backpressure !== this.backpressure) this.setBackpressure(true);
  }

  fail(e) {
    this.readable.controller.fail(e);
    this.failWritable(e);
  }

  failWritable(e) {
    this.transformer = undefined;
    this.writable.controller.fail(e);
    this.unblock();
  }

  terminate() {
    defaultClose(this.readable.controller);
    this.failWritable(new TypeError('the transform stream was terminated'));
  }

  flush() {
    return this.finishing((transformer) => transformer.flush(), () => {
      if (this.readable.state === 'errored') throw this.readable.error;
      defaultClose(this.readable.controller);
    }, (e) => this.readable.controller.fail(e));
  }

  end(reason, done, failed) { return this.finishing((transformer) => transformer.cancel(reason), done, failed); }

  // finishing lets the transformer have its last word, once, whichever side asks first.
  finishing(last, done, failed) {
    if (this.finish !== undefined) return this.finish.promise;
    const finish = (this.finish = new Deferred());
    const { transformer } = this;
    const result = last(transformer);
    this.transformer = undefined;
    then(result, () => {
      try {
        done();
      } catch (e) {
        finish.reject(e);
        return;
      }
      finish.resolve();
    }, (e) => {
      failed(e);
      finish.reject(e);
    });
    return finish.promise;
  }
}

const transformerOf = (v) => {
  const { cancel, flush, readableType, start, transform, writableType } = v;
  const transformer = {
    cancel: callback('the cancel of a transformer', cancel),
    flush: callback('the flush of a transformer', flush),
    start: callback('the start of a transformer', start),
    transform: callback('the transform of a transformer', transform),
  };
  if (readableType !== undefined) throw new RangeError('TransformStream: readableType must be undefined');
  if (writableType !== undefined) throw new RangeError('TransformStream: writableType must be undefined');
  return transformer;
};

class TransformStream {
  #record;
  constructor() {
    const given = arguments[0];
    if (given !== undefined && !isObject(given)) {
      throw new TypeError(`TransformStream: the transformer must be an object, got ${host.kind(given)}`);
    }
    const writable = strategyOf(arguments[1]);
    const readable = strategyOf(arguments[2]);
    const transformer = given === undefined ? none : transformerOf(given);
    const readableHighWaterMark = highWaterMarkOf(readable, 0);
    const readableSize = sizeOf(readable);
    const writableHighWaterMark = highWaterMarkOf(writable, 1);
    const writableSize = sizeOf(writable);
    const start = new Deferred();
    const { transform } = transformer;
    const flush = algorithm(given, transformer.flush);
    const t = (this.#record = new Transform({
      transform: transform === undefined
        ? (chunk) => promised(() => t.enqueue(chunk))
        : (chunk) => promised(transform, given, chunk, t.object),
      flush: () => flush(t.object),
      cancel: algorithm(given, transformer.cancel),
    }, start.promise, { highWaterMark: writableHighWaterMark, size: writableSize }, {
      highWaterMark: readableHighWaterMark, size: readableSize,
    }));
    start.resolve(transformer.start === undefined ? undefined : apply(transformer.start, given, [t.object]));
  }
  get readable() {
    if (!isObject(this) || !(#record in this)) throw illegal('readable');
    return this.#record.readable.object;
  }
  get writable() {
    if (!isObject(this) || !(#record in this)) throw illegal('writable');
    return this.#record.writable.object;
  }
}
native(TransformStream);

class TransformStreamDefaultController {
  #record;
  constructor() {
    if (arguments[0] !== internal) throw new TypeError('Illegal constructor: TransformStreamDefaultController objects are not made with new');
    this.#record = arguments[1];
  }
  get desiredSize() { return TransformStreamDefaultController.#self(this, 'desiredSize').readable.controller.desiredSize; }
  enqueue(chunk = undefined) { TransformStreamDefaultController.#self(this, 'enqueue').enqueue(chunk); }
  error(reason = undefined) { TransformStreamDefaultController.#self(this, 'error').fail(reason); }
  terminate() { TransformStreamDefaultController.#self(this, 'terminate').terminate(); }

  static #self(v, method) {
    if (!isObject(v) || !(#record in v)) throw illegal(method);
    return v.#record;
  }
}
native(TransformStreamDefaultController);

// createTransform is a transform stream over algorithms of ours that are not asynchronous: transform(chunk, enqueue),
// flush(enqueue) and cancel().
const createTransform = ({ transform, flush, cancel }) => {
  const enqueue = (chunk) => t.enqueue(chunk);
  const t = new Transform({
    transform: (chunk) => promised(transform, undefined, chunk, enqueue),
    flush: () => promised(flush, undefined, enqueue),
    cancel: () => promised(cancel),
  }, undefined, { highWaterMark: 1, size: one }, { highWaterMark: 0, size: one });
  return t;
};
