// The methods of the language that Intl gives their meaning (ECMA-402 19). kit returns Intl's functions, and builds Intl
// when it is first called.
(function (kit) {
'use strict';

const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const numberOf = uncurry(Number.prototype.valueOf);
const bigintOf = uncurry(BigInt.prototype.valueOf);
const timeOf = uncurry(Date.prototype.valueOf);
const stringOf = (what, v) => {
  if (v === undefined || v === null) throw new TypeError(`String.prototype.${what} called on ${v}`);
  return `${v}`;
};

for (const [target, methods] of [
  [Number.prototype, {
    toLocaleString(locales = undefined, options = undefined) { return kit().number(numberOf(this), locales, options); },
  }],
  [BigInt.prototype, {
    toLocaleString(locales = undefined, options = undefined) { return kit().number(bigintOf(this), locales, options); },
  }],
  [Date.prototype, {
    toLocaleString(locales = undefined, options = undefined) { return kit().date(timeOf(this), locales, options, 'any', 'all'); },
    toLocaleDateString(locales = undefined, options = undefined) { return kit().date(timeOf(this), locales, options, 'date', 'date'); },
    toLocaleTimeString(locales = undefined, options = undefined) { return kit().date(timeOf(this), locales, options, 'time', 'time'); },
  }],
  [String.prototype, {
    localeCompare(that, locales = undefined, options = undefined) {
      return kit().compare(stringOf('localeCompare', this), `${that}`, locales, options);
    },
    toLocaleUpperCase(locales = undefined) { return kit().upper(stringOf('toLocaleUpperCase', this), locales); },
    toLocaleLowerCase(locales = undefined) { return kit().lower(stringOf('toLocaleLowerCase', this), locales); },
  }],
]) {
  for (const name in methods) {
    Object.defineProperty(target, name, { value: methods[name], writable: true, configurable: true, enumerable: false });
  }
}
})
