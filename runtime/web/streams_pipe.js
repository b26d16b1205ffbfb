// pipeTo (Streams 4.9.1 "ReadableStreamPipeTo").

const pipeTo = (source, dest, { preventClose, preventAbort, preventCancel, signal }) => {
  const reader = new DefaultReader(source);
  const writer = new Writer(dest);
  source.disturbed = true;
  const outcome = new Deferred();
  let shuttingDown = false;
  let lastWrite = resolvedWith();
  let forgetSignal = nothing;

  const finalize = (failed, e) => {
    writer.release();
    reader.release();
    forgetSignal();
    if (failed) outcome.reject(e);
    else outcome.resolve();
  };

  // written is settled when all that was read is written.
  const written = () => {
    const last = lastWrite;
    return then(last, () => (last === lastWrite ? undefined : written()));
  };

  // shutdown ends the pipe, once: after the writes in flight it does action, if any, and settles the outcome.
  const shutdown = (action, failed, e) => {
    if (shuttingDown) return;
    shuttingDown = true;
    const finish = () => {
      if (action === undefined) finalize(failed, e);
      else then(action(), () => finalize(failed, e), (newError) => finalize(true, newError));
    };
    if (dest.state === 'writable' && !dest.isClosing) then(written(), finish);
    else finish();
  };

  const step = () => {
    if (shuttingDown) return;
    then(writer.ready.promise, () => {
      if (shuttingDown) return;
      reader.read({
        chunk(chunk) {
          lastWrite = then(writer.write(chunk), undefined, nothing);
          microtask(step);
        },
        close: nothing,
        error: nothing,
      });
    }, nothing);
  };

  if (signal !== undefined) {
    const abort = () => {
      const reason = host.reason(signal);
      const actions = [];
      if (!preventAbort) actions[actions.length] = () => (dest.state === 'writable' ? writableAbort(dest, reason) : resolvedWith());
      if (!preventCancel) actions[actions.length] = () => (source.state === 'readable' ? readableCancel(source, reason) : resolvedWith());
      shutdown(() => all(actions.map((f) => f())), true, reason);
    };
    if (host.aborted(signal)) {
      abort();
      return outcome.promise;
    }
    forgetSignal = host.onAbort(signal, abort);
  }

  // Errors go forward.
  const sourceFailed = (e) => shutdown(preventAbort ? undefined : () => writableAbort(dest, e), true, e);
  if (source.state === 'errored') sourceFailed(source.error);
  else then(reader.closed.promise, undefined, sourceFailed);

  // Errors go backward.
  const destFailed = (e) => shutdown(preventCancel ? undefined : () => readableCancel(source, e), true, e);
  if (dest.state === 'errored') destFailed(dest.error);
  else then(writer.closed.promise, undefined, destFailed);

  // Closing goes forward.
  const sourceClosed = () => shutdown(preventClose ? undefined : () => writer.closePropagatingErrors(), false, undefined);
  if (source.state === 'closed') sourceClosed();
  else then(reader.closed.promise, sourceClosed, nothing);

  // Closing goes backward.
  if (dest.isClosing || dest.state === 'closed') {
    const e = new TypeError('pipeTo: the destination closed before all of the source was written to it');
    shutdown(preventCancel ? undefined : () => readableCancel(source, e), true, e);
  }

  step();
  return outcome.promise;
};

// all waits for every promise, and is rejected as soon as one is.
const all = (promises) => new PromiseOf((resolve, reject) => {
  let left = promises.length;
  if (left === 0) resolve();
  for (const p of promises) then(p, () => { if (--left === 0) resolve(); }, reject);
});
