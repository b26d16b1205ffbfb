// WritableStreamDefaultWriter (Streams 5.3 and 5.5.3).

class Writer {
  stream = undefined;
  ready = undefined;
  closed = undefined;
  constructor(stream) {
    mustBeUnlocked('getWriter', stream);
    this.stream = stream;
    stream.writer = this;
    const { state, error } = stream;
    switch (state) {
      case 'writable':
        this.ready = !stream.isClosing && stream.backpressure ? new Deferred() : Deferred.resolved();
        this.closed = new Deferred();
        break;
      case 'erroring':
        this.ready = Deferred.rejected(error);
        this.closed = new Deferred();
        break;
      case 'closed':
        this.ready = Deferred.resolved();
        this.closed = Deferred.resolved();
        break;
      default:
        this.ready = Deferred.rejected(error);
        this.closed = Deferred.rejected(error);
    }
  }

  rejectReady(e) {
    if (this.ready.pending) {
      this.ready.reject(e);
      setHandled(this.ready.promise);
    } else {
      this.ready = Deferred.rejected(e);
    }
  }

  rejectClosed(e) {
    if (this.closed.pending) {
      this.closed.reject(e);
      setHandled(this.closed.promise);
    } else {
      this.closed = Deferred.rejected(e);
    }
  }

  get desiredSize() {
    const { state, controller } = this.stream;
    if (state === 'errored' || state === 'erroring') return null;
    return state === 'closed' ? 0 : controller.desiredSize;
  }

  write(chunk) {
    const { stream } = this;
    const { controller } = stream;
    const size = controller.sizeOf(chunk); // runs code
    if (stream !== this.stream) return rejectedWith(new TypeError('write: the writer was released'));
    if (stream.state === 'errored') return rejectedWith(stream.error);
    if (stream.isClosing || stream.state === 'closed') {
      return rejectedWith(new TypeError(`write: the stream is ${stream.isClosing ? 'closing' : 'closed'}`));
    }
    if (stream.state === 'erroring') return rejectedWith(stream.error);
    const request = new Deferred();
    stream.writes.push(request);
    controller.put(chunk, size);
    return request.promise;
  }

  closePropagatingErrors() {
    const { stream } = this;
    if (stream.isClosing || stream.state === 'closed') return resolvedWith();
    return stream.state === 'errored' ? rejectedWith(stream.error) : writableClose(stream);
  }

  release() {
    const e = new TypeError('the writer was released');
    this.rejectReady(e);
    this.rejectClosed(e);
    this.stream.writer = undefined;
    this.stream = undefined;
  }
}

class WritableStreamDefaultWriter {
  #record;
  constructor(stream) {
    if (arguments[0] === internal) {
      this.#record = arguments[1];
      return;
    }
    required('WritableStreamDefaultWriter', 1, arguments.length);
    const record = writableOf(stream);
    if (record === undefined) throw new TypeError('WritableStreamDefaultWriter: the argument must be a WritableStream');
    this.#record = new Writer(record);
  }
  get closed() {
    if (!isObject(this) || !(#record in this)) return rejectedWith(illegal('closed'));
    return this.#record.closed.promise;
  }
  get desiredSize() {
    if (!isObject(this) || !(#record in this)) throw illegal('desiredSize');
    this.#mustHold('desiredSize');
    return this.#record.desiredSize;
  }
  get ready() {
    if (!isObject(this) || !(#record in this)) return rejectedWith(illegal('ready'));
    return this.#record.ready.promise;
  }
  abort(reason = undefined) {
    try {
      if (!isObject(this) || !(#record in this)) throw illegal('abort');
      this.#mustHold('abort');
      return writableAbort(this.#record.stream, reason);
    } catch (e) {
      return rejectedWith(e);
    }
  }
  close() {
    try {
      if (!isObject(this) || !(#record in this)) throw illegal('close');
      this.#mustHold('close');
      if (this.#record.stream.isClosing) throw new TypeError('close: the stream is closing already');
      return writableClose(this.#record.stream);
    } catch (e) {
      return rejectedWith(e);
    }
  }
  releaseLock() {
    if (!isObject(this) || !(#record in this)) throw illegal('releaseLock');
    if (this.#record.stream !== undefined) this.#record.release();
  }
  write(chunk = undefined) {
    try {
      if (!isObject(this) || !(#record in this)) throw illegal('write');
      this.#mustHold('write');
      return this.#record.write(chunk);
    } catch (e) {
      return rejectedWith(e);
    }
  }

  #mustHold(method) {
    if (this.#record.stream === undefined) throw new TypeError(`${method}: the writer was released`);
  }
}
native(WritableStreamDefaultWriter);
