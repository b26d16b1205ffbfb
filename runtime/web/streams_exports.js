// What Go gets: the classes, and functions over them.

// readAll is a promise of all chunks of stream in one Uint8Array; collect takes a chunk and throws what is wrong with it.
const readAll = (object, collect, join) => {
  const stream = readableOf(object);
  const outcome = new Deferred();
  const reader = new DefaultReader(stream);
  const fail = (e) => {
    setHandled(reader.cancel(e));
    reader.release();
    outcome.reject(e);
  };
  const step = () => reader.read({
    chunk(chunk) {
      try {
        collect(chunk);
      } catch (e) {
        fail(e);
        return;
      }
      microtask(step);
    },
    close() {
      reader.release();
      outcome.resolve(join());
    },
    error(e) {
      reader.release();
      outcome.reject(e);
    },
  });
  step();
  return outcome.promise;
};

// wake makes the record of a stream whose bytes Go holds, when something other than Go asks for it.
const wake = (shell) => {
  const taken = host.taken(shell);
  const stream = readableOf(host.wake(shell));
  stream.shell = shell;
  stream.disturbed = taken;
  return stream;
};

return {
  ByteLengthQueuingStrategy, CountQueuingStrategy,
  ReadableStream, ReadableStreamDefaultReader, ReadableStreamBYOBReader, ReadableStreamDefaultController,
  ReadableByteStreamController, ReadableStreamBYOBRequest,
  WritableStream, WritableStreamDefaultWriter, WritableStreamDefaultController,
  TransformStream, TransformStreamDefaultController,
  TextEncoderStream, TextDecoderStream, CompressionStream, DecompressionStream,

  isReadable: (v) => readableOf(v) !== undefined,
  locked: (v) => readableOf(v).reader !== undefined,
  disturbed: (v) => readableOf(v).disturbed,
  tee(v) {
    const [a, b] = tee(readableOf(v));
    return [a.object, b.object];
  },
  readAll,

  // memory is a readable byte stream that is only an object until it is touched.
  memory: () => new ReadableStream(internal, wake),

  // source is a readable byte stream over Go: pull(push, close) is called when bytes are wanted, and again only after
  // the promise it returned is fulfilled; cancel(reason) when the reader wants no more.
  source(pull, cancel, highWaterMark) {
    const stream = createBytes({
      pull: () => promised(pull, undefined, push, close),
      cancel: (reason) => promised(cancel, undefined, reason),
    }, highWaterMark);
    const push = (view) => byteEnqueue(stream.controller, view);
    const close = () => {
      const { controller } = stream;
      byteClose(controller);
      if (stream.state === 'closed' && controller.pending.length > 0) respond(controller, 0); // byob reads that wait
    };
    return stream.object;
  },
};
