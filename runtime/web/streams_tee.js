// Tee (Streams 4.9.1): two branches over one reader.

const tee = (stream) => (stream.controller instanceof ByteController ? teeBytes(stream) : teeDefault(stream));

// Branches is what both kinds of tee share: who has cancelled, and the promise of both having done so.
class Branches {
  cancelled = [false, false];
  reasons = [undefined, undefined];
  cancel = new Deferred();
  streams = [undefined, undefined];
  stream = undefined;
  constructor(stream) { this.stream = stream; }

  canceller(i) {
    return (reason) => {
      this.cancelled[i] = true;
      this.reasons[i] = reason;
      if (this.cancelled[1 - i]) this.cancel.resolve(readableCancel(this.stream, [...this.reasons]));
      return this.cancel.promise;
    };
  }

  // each calls f with the controller of every branch that was not cancelled.
  each(f) {
    for (let i = 0; i < 2; i++) if (!this.cancelled[i]) f(this.streams[i].controller);
  }

  // over ends the wait for cancellation: nothing is left to cancel.
  over() {
    if (!this.cancelled[0] || !this.cancelled[1]) this.cancel.resolve();
  }
}

const teeDefault = (stream) => {
  const reader = new DefaultReader(stream);
  const branches = new Branches(stream);
  let reading = false;
  let again = false;

  const pull = () => {
    if (reading) {
      again = true;
      return resolvedWith();
    }
    reading = true;
    reader.read({
      chunk(chunk) {
        microtask(() => {
          again = false;
          branches.each((c) => defaultEnqueue(c, chunk));
          reading = false;
          if (again) pull();
        });
      },
      close() {
        reading = false;
        branches.each(defaultClose);
        branches.over();
      },
      error() { reading = false; },
    });
    return resolvedWith();
  };

  for (let i = 0; i < 2; i++) branches.streams[i] = createReadable({ pull, cancel: branches.canceller(i) });
  then(reader.closed.promise, undefined, (e) => {
    for (const branch of branches.streams) branch.controller.fail(e);
    branches.over();
  });
  return branches.streams;
};

const cloneOf = (chunk) => {
  const { buffer, byteOffset, byteLength } = viewOf('tee: a chunk', chunk);
  return new Bytes(sliceBuffer(buffer, byteOffset, byteOffset + byteLength));
};

const teeBytes = (stream) => {
  let reader = new DefaultReader(stream);
  const branches = new Branches(stream);
  let reading = false;
  const again = [false, false];

  const watch = (watched) => then(watched.closed.promise, undefined, (e) => {
    if (watched !== reader) return;
    for (const branch of branches.streams) branch.controller.fail(e);
    branches.over();
  });

  // change makes reader one of the kind that the next read needs.
  const change = (Kind) => {
    if (reader instanceof Kind) return;
    reader.release();
    reader = new Kind(stream);
    watch(reader);
  };

  const next = () => {
    reading = false;
    if (again[0]) pull(0);
    else if (again[1]) pull(1);
  };

  // cloned returns a copy of chunk, or undefined when that failed and the tee with it.
  const cloned = (chunk) => {
    try {
      return cloneOf(chunk);
    } catch (e) {
      for (const branch of branches.streams) branch.controller.fail(e);
      branches.cancel.resolve(readableCancel(stream, e));
    }
  };

  const pullChunk = () => {
    change(DefaultReader);
    reader.read({
      chunk(chunk) {
        microtask(() => {
          again[0] = again[1] = false;
          let second = chunk;
          if (!branches.cancelled[0] && !branches.cancelled[1] && (second = cloned(chunk)) === undefined) return;
          if (!branches.cancelled[0]) byteEnqueue(branches.streams[0].controller, chunk);
          if (!branches.cancelled[1]) byteEnqueue(branches.streams[1].controller, second);
          next();
        });
      },
      close() {
        reading = false;
        branches.each(byteClose);
        for (const { controller } of branches.streams) if (controller.pending.length > 0) respond(controller, 0);
        branches.over();
      },
      error() { reading = false; },
    });
  };

  const pullView = (view, i) => {
    change(ByobReader);
    const mine = branches.streams[i].controller;
    const other = branches.streams[1 - i].controller;
    reader.read(viewOf('tee: a view', view), 1, {
      chunk(chunk) {
        microtask(() => {
          again[0] = again[1] = false;
          const cancelled = branches.cancelled[i];
          if (!branches.cancelled[1 - i]) {
            const copy = cloned(chunk);
            if (copy === undefined) return;
            if (!cancelled) respondWithNewView(mine, chunk);
            byteEnqueue(other, copy);
          } else if (!cancelled) {
            respondWithNewView(mine, chunk);
          }
          next();
        });
      },
      close(chunk) {
        reading = false;
        branches.each(byteClose);
        if (chunk !== undefined) {
          if (!branches.cancelled[i]) respondWithNewView(mine, chunk);
          if (!branches.cancelled[1 - i] && other.pending.length > 0) respond(other, 0);
        }
        branches.over();
      },
      error() { reading = false; },
    });
  };

  const pull = (i) => {
    if (reading) {
      again[i] = true;
      return resolvedWith();
    }
    reading = true;
    const request = branches.streams[i].controller.byobRequest;
    if (request === null) pullChunk();
    else pullView(request.view, i);
    return resolvedWith();
  };

  for (let i = 0; i < 2; i++) branches.streams[i] = createBytes({ pull: () => pull(i), cancel: branches.canceller(i) });
  watch(reader);
  return branches.streams;
};
