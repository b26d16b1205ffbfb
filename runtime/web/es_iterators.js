// Iterator and its helpers (ECMA-262 27.1), run in every new VM after es.js for the methods on %IteratorPrototype%.
(function () {
'use strict';

const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
const { defineProperty } = Object;

const object = (what, v) => {
  if ((typeof v !== 'object' || v === null) && typeof v !== 'function') throw new TypeError(`${what}: an object is needed, got ${v === null ? 'null' : typeof v}`);
  return v;
};

// close calls return, and drops what that throws when something is thrown already.
const close = (iterator) => {
  const method = iterator.return;
  if (method !== undefined && method !== null) object('Iterator.return', Reflect.apply(method, iterator, []));
};
const closeQuietly = (iterator) => {
  try {
    close(iterator);
  } catch {
    // What was thrown first counts.
  }
};

const step = (record) => {
  const result = object('Iterator.next', Reflect.apply(record.next, record.iterator, []));
  return result.done ? undefined : { value: result.value };
};

// guarded runs f, and closes the iterator when it throws.
const guarded = (iterator, f) => {
  try {
    return f();
  } catch (e) {
    closeQuietly(iterator);
    throw e;
  }
};

const recordOf = (iterator) => ({ iterator, next: iterator.next });
const callbackOf = (what, iterator, f) => guarded(iterator, () => {
  if (typeof f !== 'function') throw new TypeError(`Iterator.prototype.${what}: a function is needed, got ${f === null ? 'null' : typeof f}`);
});
const countOf = (what, iterator, v) => guarded(iterator, () => {
  const n = Number(v);
  if (Number.isNaN(n) || Math.trunc(n) < 0) throw new RangeError(`Iterator.prototype.${what}: the count must be a number that is not negative, got ${v}`);
  return Math.trunc(n);
});

// A helper's state: advance returns { value } or undefined at the end; the underlying iterators are closed by return.
const states = new WeakMap();
const stateOf = (what, helper) => {
  const state = states.get(helper);
  if (state === undefined) throw new TypeError(`Iterator Helper.prototype.${what}: this is not an iterator helper`);
  if (state.running) throw new TypeError(`Iterator Helper.prototype.${what}: the iterator is running already`);
  return state;
};
let helperPrototype;
const helper = (underlying, advance) => {
  helperPrototype ??= makeHelperPrototype();
  const it = Object.create(helperPrototype);
  states.set(it, { underlying, advance, inner: undefined, done: false, running: false });
  return it;
};
const makeHelperPrototype = () => {
  const prototype = Object.create(IteratorPrototype);
  define(prototype, {
    next() {
      const state = stateOf('next', this);
      if (state.done) return { value: undefined, done: true };
      state.running = true;
      let result;
      try {
        result = state.advance(state);
      } catch (e) {
        state.done = true;
        throw e;
      } finally {
        state.running = false;
      }
      if (result !== undefined) return { value: result.value, done: false };
      state.done = true;
      return { value: undefined, done: true };
    },
    return() {
      const state = stateOf('return', this);
      if (!state.done) {
        state.done = true;
        state.running = true;
        try {
          if (state.inner !== undefined) guarded(state.underlying, () => close(state.inner));
          close(state.underlying);
        } finally {
          state.running = false;
        }
      }
      return { value: undefined, done: true };
    },
  });
  defineProperty(prototype, Symbol.toStringTag, { value: 'Iterator Helper', configurable: true });
  return prototype;
};

const define = (target, methods) => {
  for (const name in methods) {
    defineProperty(target, name, { value: methods[name], writable: true, configurable: true, enumerable: false });
  }
};

// flattenable is GetIteratorFlattenable: an iterable, or an iterator.
const flattenable = (what, v, strings) => {
  if (!(strings && typeof v === 'string')) object(what, v);
  const method = v[Symbol.iterator];
  const iterator = method === undefined || method === null ? v : Reflect.apply(method, v, []);
  return recordOf(object(what, iterator));
};

// consume is the loop of reduce, toArray and the like: f returns true to stop.
const consume = (record, f) => {
  for (let k = 0, s; (s = step(record)) !== undefined; k++) {
    const { value } = s;
    if (guarded(record.iterator, () => f(value, k))) {
      close(record.iterator);
      return;
    }
  }
};

define(IteratorPrototype, {
  map(mapper) {
    object('Iterator.prototype.map', this);
    callbackOf('map', this, mapper);
    const record = recordOf(this);
    let k = 0;
    return helper(this, () => {
      const s = step(record);
      return s && guarded(record.iterator, () => ({ value: mapper(s.value, k++) }));
    });
  },
  filter(predicate) {
    object('Iterator.prototype.filter', this);
    callbackOf('filter', this, predicate);
    const record = recordOf(this);
    let k = 0;
    return helper(this, () => {
      for (let s; (s = step(record)) !== undefined;) {
        const { value } = s;
        if (guarded(record.iterator, () => predicate(value, k++))) return s;
      }
    });
  },
  take(limit) {
    object('Iterator.prototype.take', this);
    let left = countOf('take', this, limit);
    const record = recordOf(this);
    return helper(this, () => {
      if (left === 0) {
        close(record.iterator);
        return undefined;
      }
      left--;
      return step(record);
    });
  },
  drop(limit) {
    object('Iterator.prototype.drop', this);
    let left = countOf('drop', this, limit);
    const record = recordOf(this);
    return helper(this, () => {
      for (; left > 0; left--) if (step(record) === undefined) return undefined;
      return step(record);
    });
  },
  flatMap(mapper) {
    object('Iterator.prototype.flatMap', this);
    callbackOf('flatMap', this, mapper);
    const record = recordOf(this);
    let k = 0;
    let inner;
    return helper(this, (state) => {
      for (;;) {
        if (inner === undefined) {
          const s = step(record);
          if (s === undefined) return undefined;
          inner = guarded(record.iterator, () => flattenable('Iterator.prototype.flatMap', mapper(s.value, k++), false));
          state.inner = inner.iterator;
        }
        const s = guarded(record.iterator, () => step(inner));
        if (s !== undefined) return s;
        inner = state.inner = undefined;
      }
    });
  },
  reduce(reducer, ...initial) {
    object('Iterator.prototype.reduce', this);
    callbackOf('reduce', this, reducer);
    const record = recordOf(this);
    let k = 0;
    let result = initial[0];
    if (initial.length === 0) {
      const s = step(record);
      if (s === undefined) throw new TypeError('Iterator.prototype.reduce: the iterator is empty and there is no initial value');
      result = s.value;
      k = 1;
    }
    consume(record, (value, i) => { result = reducer(result, value, i + k); });
    return result;
  },
  toArray() {
    object('Iterator.prototype.toArray', this);
    const list = [];
    consume(recordOf(this), (value, k) => { list[k] = value; });
    return list;
  },
  forEach(procedure) {
    object('Iterator.prototype.forEach', this);
    callbackOf('forEach', this, procedure);
    consume(recordOf(this), (value, k) => { procedure(value, k); });
  },
  some(predicate) {
    object('Iterator.prototype.some', this);
    callbackOf('some', this, predicate);
    let found = false;
    consume(recordOf(this), (value, k) => (found = !!predicate(value, k)));
    return found;
  },
  every(predicate) {
    object('Iterator.prototype.every', this);
    callbackOf('every', this, predicate);
    let all = true;
    consume(recordOf(this), (value, k) => !(all = !!predicate(value, k)));
    return all;
  },
  find(predicate) {
    object('Iterator.prototype.find', this);
    callbackOf('find', this, predicate);
    let found;
    consume(recordOf(this), (value, k) => {
      if (!predicate(value, k)) return false;
      found = value;
      return true;
    });
    return found;
  },
});

// What follows is for the global Iterator, built when code mentions it.
return () => {
  function Iterator() {
    if (new.target === undefined || new.target === Iterator) throw new TypeError('Iterator is an abstract class: extend it');
  }
  define(Iterator, {
    from(value) {
      const record = flattenable('Iterator.from', value, true);
      if (Object.prototype.isPrototypeOf.call(IteratorPrototype, record.iterator)) return record.iterator;
      const wrapper = Object.create(wrapPrototype);
      wrapped.set(wrapper, record);
      return wrapper;
    },
  });
  const wrapped = new WeakMap();
  const wrapPrototype = Object.create(IteratorPrototype);
  define(wrapPrototype, {
    next() {
      const record = wrapped.get(this);
      if (record === undefined) throw new TypeError('next: this is not an iterator that Iterator.from made');
      return Reflect.apply(record.next, record.iterator, []);
    },
    return() {
      const record = wrapped.get(this);
      if (record === undefined) throw new TypeError('return: this is not an iterator that Iterator.from made');
      const method = record.iterator.return;
      if (method === undefined || method === null) return { value: undefined, done: true };
      return Reflect.apply(method, record.iterator, []);
    },
  });
  defineProperty(Iterator, 'prototype', { value: IteratorPrototype, writable: false });
  // Both are accessors whose setters define the property on the object they are called on, because much code assigns them.
  for (const [key, value] of [['constructor', Iterator], [Symbol.toStringTag, 'Iterator']]) {
    defineProperty(IteratorPrototype, key, {
      get() { return value; },
      set(v) {
        object('Iterator.prototype', this);
        if (this === IteratorPrototype) throw new TypeError('this property of Iterator.prototype cannot be assigned');
        if (Object.hasOwn(this, key)) this[key] = v;
        else defineProperty(this, key, { value: v, writable: true, enumerable: true, configurable: true });
      },
      configurable: true,
    });
  }
  return Iterator;
};
})
