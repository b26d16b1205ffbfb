// WeakRef and FinalizationRegistry (ECMA-262 26.1, 26.2) that hold their targets strongly and never call back, which the
// language allows: goja cannot say when an object is collected.
(function () {
'use strict';

const mustBeWeak = (what, v) => {
  const ok = (typeof v === 'object' && v !== null) || typeof v === 'function' || (typeof v === 'symbol' && Symbol.keyFor(v) === undefined);
  if (!ok) throw new TypeError(`${what}: the target must be an object or a symbol that is not registered, got ${v === null ? 'null' : typeof v}`);
};

class WeakRef {
  #target;
  constructor(target) {
    mustBeWeak('WeakRef', target);
    this.#target = target;
  }
  deref() {
    if (!(#target in this)) throw new TypeError('WeakRef.prototype.deref: this is not a WeakRef');
    return this.#target;
  }
}

class FinalizationRegistry {
  #tokens = new WeakSet();
  constructor(cleanupCallback) {
    if (typeof cleanupCallback !== 'function') throw new TypeError('FinalizationRegistry: the argument must be a function');
  }
  register(target, heldValue, unregisterToken = undefined) {
    if (!(#tokens in this)) throw new TypeError('FinalizationRegistry.prototype.register: this is not a FinalizationRegistry');
    mustBeWeak('FinalizationRegistry.prototype.register', target);
    if (Object.is(target, heldValue)) throw new TypeError('FinalizationRegistry.prototype.register: the held value must not be the target');
    if (unregisterToken !== undefined) {
      mustBeWeak('FinalizationRegistry.prototype.register', unregisterToken);
      this.#tokens.add(unregisterToken);
    }
  }
  unregister(unregisterToken) {
    if (!(#tokens in this)) throw new TypeError('FinalizationRegistry.prototype.unregister: this is not a FinalizationRegistry');
    mustBeWeak('FinalizationRegistry.prototype.unregister', unregisterToken);
    return this.#tokens.delete(unregisterToken);
  }
}

for (const C of [WeakRef, FinalizationRegistry]) {
  Object.defineProperty(C.prototype, Symbol.toStringTag, { value: C.name, configurable: true });
}
return { WeakRef, FinalizationRegistry };
})
