// The parts of ECMAScript that goja lacks. The function gives a VM one feature of es.go's table, as ordinary functions; a
// VM gets only those that its code can reach.
(function (feature, host) {
'use strict';

const defineProperty = Object.defineProperty;
const define = (target, methods) => {
  for (const name in methods) {
    defineProperty(target, name, { value: methods[name], writable: true, configurable: true, enumerable: false });
  }
};
const isObject = (v) => (typeof v === 'object' && v !== null) || typeof v === 'function';
const mustBeFunction = (what, f) => {
  if (typeof f !== 'function') throw new TypeError(`${what}: a function is needed, got ${f === null ? 'null' : typeof f}`);
};

// wellFormed returns s with U+FFFD for every lone surrogate, or s itself.
const wellFormed = (s) => {
  let result = '';
  let from = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c < 0xd800 || c > 0xdfff) continue;
    const next = c < 0xdc00 && i + 1 < s.length ? s.charCodeAt(i + 1) : 0;
    if (next >= 0xdc00 && next <= 0xdfff) {
      i++;
      continue;
    }
    result += s.slice(from, i) + '\ufffd';
    from = i + 1;
  }
  return from === 0 ? s : result + s.slice(from);
};

switch (feature) {
case 'groupBy': {
  // group is what Object.groupBy and Map.groupBy share (ECMA-262 7.3.35).
  const group = (what, items, callback, keyOf, groups) => {
    if (items === undefined || items === null) throw new TypeError(`${what}: the items must be iterable, got ${items}`);
    mustBeFunction(what, callback);
    let k = 0;
    for (const item of items) {
      const key = keyOf(callback(item, k++));
      const list = groups.get(key);
      if (list === undefined) groups.set(key, [item]);
      else list[list.length] = item;
    }
    return groups;
  };

  define(Object, {
    groupBy(items, callback) {
      const result = Object.create(null);
      const propertyKey = (v) => (typeof v === 'symbol' ? v : `${v}`);
      for (const [key, list] of group('Object.groupBy', items, callback, propertyKey, new Map())) result[key] = list;
      return result;
    },
  });

  define(Map, {
    groupBy(items, callback) { return group('Map.groupBy', items, callback, (v) => v, new Map()); },
  });
  break;
}

case 'promise': {
  define(Promise, {
    withResolvers() {
      const C = this;
      let resolve;
      let reject;
      const promise = new C((a, b) => { resolve = a; reject = b; });
      return { promise, resolve, reject };
    },
    try(callback, ...args) {
      if (!isObject(this)) throw new TypeError('Promise.try: this must be a constructor');
      return new this((resolve, reject) => {
        try {
          resolve(callback(...args));
        } catch (e) {
          reject(e);
        }
      });
    },
  });
  break;
}

case 'fromAsync': {
  define(Array, {
    fromAsync(items, mapper = undefined, thisArg = undefined) {
      const C = this;
      return (async () => {
        if (mapper !== undefined) mustBeFunction('Array.fromAsync', mapper);
        if (items === undefined || items === null) throw new TypeError(`Array.fromAsync: the items must be iterable or array-like, got ${items}`);
        const make = (...args) => (typeof C === 'function' && C.prototype !== undefined ? new C(...args) : new Array(...args));
        const put = async (list, k, value) => {
          if (mapper !== undefined) value = await Reflect.apply(mapper, thisArg, [value, k]);
          defineProperty(list, k, { value, writable: true, enumerable: true, configurable: true });
        };
        const asyncMethod = items[Symbol.asyncIterator];
        const isAsync = asyncMethod !== undefined && asyncMethod !== null;
        const method = isAsync ? asyncMethod : items[Symbol.iterator];
        let k = 0;
        if (method === undefined || method === null) {
          const length = Math.min(Math.max(Math.trunc(Number(items.length)) || 0, 0), Number.MAX_SAFE_INTEGER);
          const list = make(length);
          for (; k < length; k++) await put(list, k, await items[k]);
          list.length = length;
          return list;
        }
        const list = make();
        const iterator = Reflect.apply(method, items, []);
        if (!isObject(iterator)) throw new TypeError('Array.fromAsync: the iterator must be an object');
        const { next } = iterator;
        for (;;) {
          let step = Reflect.apply(next, iterator, []);
          if (isAsync) step = await step;
          if (!isObject(step)) throw new TypeError('Array.fromAsync: a step of the iterator must be an object');
          if (step.done) break;
          try {
            await put(list, k, isAsync ? step.value : await step.value);
            k++;
          } catch (e) {
            try {
              await iterator.return?.();
            } catch {
              // The first error is the one to tell.
            }
            throw e;
          }
        }
        list.length = k;
        return list;
      })();
    },
  });
  break;
}

case 'wellFormed': {
  const stringOf = (what, v) => {
    if (v === undefined || v === null) throw new TypeError(`${what} called on ${v}`);
    return `${v}`;
  };

  define(String.prototype, {
    isWellFormed() {
      const s = stringOf('String.prototype.isWellFormed', this);
      return wellFormed(s) === s;
    },
    toWellFormed() { return wellFormed(stringOf('String.prototype.toWellFormed', this)); },
  });
  break;
}

case 'escape': {
  define(RegExp, {
    escape(text) {
      if (typeof text !== 'string') throw new TypeError(`RegExp.escape: the argument must be a string, got ${typeof text}`);
      const hex = (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
      const controls = { '\t': '\\t', '\n': '\\n', '\v': '\\v', '\f': '\\f', '\r': '\\r' };
      return text
        .replace(/[\s\S]/g, (c, i) => {
          if (i === 0 && /[0-9A-Za-z]/.test(c)) return hex(c);
          if (/[\^$\\.*+?()[\]{}|/]/.test(c)) return `\\${c}`;
          if (controls[c] !== undefined) return controls[c];
          if (/[,\-=<>#&!%:;@~'`"]/.test(c) || c === ' ' || c === '\xa0') return hex(c);
          const u = c.charCodeAt(0);
          const lone = u >= 0xd800 && u <= 0xdfff && wellFormed(u < 0xdc00 ? text.slice(i, i + 2) : text.slice(Math.max(i - 1, 0), i + 1)).includes('\ufffd');
          return lone || /\s/.test(c) ? `\\u${u.toString(16).padStart(4, '0')}` : c;
        });
    },
  });
  break;
}

case 'stack': {
  define(Error, {
    captureStackTrace(target, constructor = undefined) {
      if (!isObject(target)) throw new TypeError(`Error.captureStackTrace: the target must be an object, got ${target === null ? 'null' : typeof target}`);
      const { stack } = new Error();
      const frames = `${stack}`.split('\n').filter((line) => /^\s+at /.test(line) && !line.includes('captureStackTrace'));
      const head = typeof target.name === 'string' || typeof target.message === 'string' ? Error.prototype.toString.call(target) : 'Error';
      defineProperty(target, 'stack', { value: [head, ...frames].join('\n'), writable: true, configurable: true, enumerable: false });
    },
    stackTraceLimit: 10,
  });
  break;
}

case 'transfer': {
  define(ArrayBuffer.prototype, { transfer: host.transfer, transferToFixedLength: host.transferToFixedLength });
  defineProperty(ArrayBuffer.prototype, 'detached', { get: host.detached, configurable: true, enumerable: false });
  break;
}

case 'typedFrom': {
  // goja refuses a string: Uint8Array.from(atob(s), (c) => c.charCodeAt(0)) is how everyone decodes base64.
  const TypedArray = Object.getPrototypeOf(Uint8Array);
  const { from } = TypedArray;
  define(TypedArray, {
    from(source, mapper = undefined, thisArg = undefined) {
      return Reflect.apply(from, this, [typeof source === 'string' ? Object(source) : source, mapper, thisArg]);
    },
  });
  break;
}

case 'sumPrecise': {
  define(Math, { sumPrecise: host.sumPrecise });
  break;
}
}
})
