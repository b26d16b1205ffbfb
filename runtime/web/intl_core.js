// Intl (ECMA-402) over the tables beside intl/generate.mjs. The files intl_*.js are one function's body, joined in the
// order intl.go says; host is what Go lends them: tables, plural rules, collation, time zones.

const apply = Reflect.apply;
const parse = JSON.parse;
const hidden = new WeakMap(); // object -> its record

const recordOf = (kind, v, method) => {
  const record = (typeof v === 'object' && v !== null) ? hidden.get(v) : undefined;
  if (!(record instanceof kind)) throw new TypeError(`${method}: illegal invocation: this is not the right kind of object`);
  return record;
};

const define = (target, methods) => {
  for (const [name, p] of Object.entries(Object.getOwnPropertyDescriptors(methods))) {
    Object.defineProperty(target, name, { ...p, enumerable: false });
  }
};
const named = (constructor, name, methods, length = 0) => {
  Object.defineProperty(constructor, 'name', { value: name, configurable: true });
  Object.defineProperty(constructor, 'length', { value: length, configurable: true });
  define(constructor.prototype, methods);
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: `Intl.${name}`, configurable: true });
  define(constructor, {
    supportedLocalesOf(locales, options = undefined) { return canonicalLocales(locales).filter((l) => host.find(withoutExtension(l)) !== undefined); },
  });
};

// option reads one member of an options bag (ECMA-402 9.2.13).
const option = (options, name, allowed, fallback) => {
  let v = options[name];
  if (v === undefined) return fallback;
  v = `${v}`;
  if (allowed !== undefined && !allowed.includes(v)) throw new RangeError(`Value ${v} out of range for Intl options property ${name}; it can be ${allowed.join(', ')}`);
  return v;
};
const numberOption = (options, name, min, max, fallback) => {
  const v = options[name];
  if (v === undefined) return fallback;
  const n = Number(v);
  if (!(n >= min && n <= max)) throw new RangeError(`${name} value is out of range: it can be ${min} to ${max}, got ${v}`);
  return Math.floor(n);
};
const optionsOf = (v) => {
  if (v === undefined) return { __proto__: null };
  if (v === null) throw new TypeError('Intl: options must be an object, got null');
  return Object(v);
};

const canonicalLocales = (locales) => {
  if (locales === undefined) return [];
  const list = typeof locales === 'string' ? [locales] : Array.from(Object(locales));
  const seen = [];
  for (const l of list) {
    if (typeof l !== 'string' && (typeof l !== 'object' || l === null)) throw new TypeError('Intl: a locale must be a string');
    const tag = host.canonical(`${l}`);
    if (tag === undefined) throw new RangeError(`Incorrect locale information provided: "${l}" is not a language tag`);
    if (!seen.includes(tag)) seen.push(tag);
  }
  return seen;
};

const withoutExtension = (tag) => tag.replace(/-u(-[0-9a-z]{2,8})+/i, '');
const extensionOf = (tag) => {
  const found = {};
  const words = (/-u((?:-[0-9a-z]{2,8})+)/i.exec(tag)?.[1] ?? '').split('-').slice(1);
  for (let i = 0; i < words.length; i++) {
    if (words[i].length === 2) {
      const value = words[i + 1]?.length > 2 ? words[++i] : 'true';
      found[words[i].length === 2 ? words[i] : words[i - 1]] = value;
    }
  }
  return found;
};

// resolve chooses the first locale that has a table; the default is en-US.
const resolve = (locales) => {
  for (const tag of canonicalLocales(locales)) {
    const plain = withoutExtension(tag);
    const name = host.find(plain);
    if (name !== undefined) return { locale: plain, name, extension: extensionOf(tag) };
  }
  return { locale: 'en-US', name: 'en', extension: {} };
};

const loaded = new Map();
const tableOf = (name) => {
  if (!loaded.has(name)) loaded.set(name, parse(host.table(name)));
  return loaded.get(name);
};

const joined = (parts) => {
  let s = '';
  for (const p of parts) s += p.value;
  return s;
};

const pluralOf = (name, ordinal, int, fraction) => host.plural(name, ordinal, int, fraction);
const pickForm = (forms, category) => (typeof forms === 'string' ? forms : forms[category] ?? forms.other ?? forms.many);
