// What Go gets: the classes, and functions over them.

// send reads stream to its end: write takes a chunk and returns whether it will call its second argument when it wants the
// next one; what it throws cancels the stream. It returns a promise for the end, and a function that cancels.
const send = (object, write) => {
  const reader = new DefaultReader(readableOf(object));
  const outcome = new Deferred();
  let over = false;
  const cancel = (reason) => {
    if (over) return;
    over = true;
    setHandled(reader.cancel(reason));
    reader.release();
    outcome.reject(reason);
  };
  const end = (settle) => {
    if (over) return;
    over = true;
    reader.release();
    settle();
  };
  const request = {
    chunk(chunk) {
      if (over) return;
      try {
        if (!write(chunk, step)) microtask(step);
      } catch (e) {
        cancel(e);
      }
    },
    close() { end(() => outcome.resolve(undefined)); },
    error(e) { end(() => outcome.reject(e)); },
  };
  const step = () => { if (!over) reader.read(request); };
  step();
  return [outcome.promise, cancel];
};

// readAll is a promise of what join makes of stream, when collect has taken all its chunks.
const readAll = (object, collect, join) => then(send(object, collect)[0], join);

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
  send,

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
