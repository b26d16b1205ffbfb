// ReadableStream.from (Streams 4.2.6 "ReadableStreamFromIterable").

// asyncIteratorOf returns { iterator, next } of an async iterable, or of a sync one with its values awaited.
const asyncIteratorOf = (iterable) => {
  if (iterable === undefined || iterable === null) {
    throw new TypeError(`ReadableStream.from: the argument must be iterable, got ${iterable}`);
  }
  let method = iterable[Symbol.asyncIterator];
  const sync = method === undefined || method === null;
  if (sync) method = iterable[Symbol.iterator];
  if (typeof method !== 'function') throw new TypeError(`ReadableStream.from: the argument must be iterable, got ${host.kind(iterable)}`);
  const iterator = apply(method, iterable, []);
  if (!isObject(iterator)) throw new TypeError('ReadableStream.from: the iterator must be an object');
  const { next } = iterator;
  return { iterator, next, sync };
};

// unwrapped awaits the value of a step of a sync iterator.
const unwrapped = (iterator, step, close) => {
  if (!isObject(step)) throw new TypeError('ReadableStream.from: a step of the iterator must be an object');
  const { done } = step;
  return then(resolvedWith(step.value), (value) => ({ value, done }), (e) => {
    if (!done && close) {
      try {
        const method = iterator.return;
        if (method !== undefined && method !== null) apply(method, iterator, []);
      } catch {
        // The rejection is what matters.
      }
    }
    throw e;
  });
};

const readableFromIterable = (iterable) => {
  const { iterator, next, sync } = asyncIteratorOf(iterable);
  const stream = createReadable({
    pull() {
      const step = promised(() => {
        const got = apply(next, iterator, []);
        return sync ? unwrapped(iterator, got, true) : got;
      });
      return then(step, (got) => {
        if (!isObject(got)) throw new TypeError('ReadableStream.from: a step of the iterator must be an object');
        if (got.done) defaultClose(stream.controller);
        else defaultEnqueue(stream.controller, got.value);
      });
    },
    cancel(reason) {
      let finish;
      try {
        finish = iterator.return;
        if (finish === undefined || finish === null) return resolvedWith();
        if (typeof finish !== 'function') throw new TypeError("ReadableStream.from: the iterator's return must be a function");
      } catch (e) {
        return rejectedWith(e);
      }
      const step = promised(() => {
        const got = apply(finish, iterator, [reason]);
        return sync ? unwrapped(iterator, got, false) : got;
      });
      return then(step, (got) => {
        if (!isObject(got)) throw new TypeError('ReadableStream.from: a step of the iterator must be an object');
      });
    },
  }, 0);
  return stream;
};
