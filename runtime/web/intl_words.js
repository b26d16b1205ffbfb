// The smaller formatters: PluralRules, RelativeTimeFormat, ListFormat (ECMA-402 16, 18, 14).

const mustBeNew = (name, target) => {
  if (target === undefined) throw new TypeError(`Constructor Intl.${name} requires 'new'`);
};
const styleNames = ['long', 'short', 'narrow'];

class PluralRecord {
  constructor(locales, options) {
    const given = optionsOf(options);
    Object.assign(this, resolve(locales));
    this.type = option(given, 'type', ['cardinal', 'ordinal'], 'cardinal');
    digitOptions(this, given, 0, 3, false);
  }
  select(v) {
    const n = Number(v);
    if (!Number.isFinite(n)) return 'other';
    const { int, fraction } = quantity(this, decimalOf(n));
    return pluralOf(this.name, this.type === 'ordinal', int, fraction);
  }
  categories() {
    const found = new Set(['0', '1', '2', '3', '4', '5', '6', '8', '11', '20', '21', '22', '23', '80', '100', '1000000'].map((n) => pluralOf(this.name, this.type === 'ordinal', n, '')));
    if (this.type === 'cardinal') found.add(pluralOf(this.name, false, '1', '5'));
    return ['few', 'many', 'one', 'two', 'zero', 'other'].filter((c) => found.has(c));
  }
}
function PluralRules(locales = undefined, options = undefined) {
  mustBeNew('PluralRules', new.target);
  hidden.set(this, new PluralRecord(locales, options));
}
named(PluralRules, 'PluralRules', {
  select(value) { return recordOf(PluralRecord, this, 'select').select(value); },
  resolvedOptions() {
    const r = recordOf(PluralRecord, this, 'resolvedOptions');
    const o = { locale: r.locale, type: r.type };
    for (const k of ['minimumIntegerDigits', 'minimumFractionDigits', 'maximumFractionDigits', 'minimumSignificantDigits', 'maximumSignificantDigits']) {
      if (r[k] !== undefined) o[k] = r[k];
    }
    return { ...o, pluralCategories: r.categories(), roundingIncrement: 1, roundingMode: 'halfExpand', roundingPriority: 'auto', trailingZeroDisplay: r.trailingZeroDisplay };
  },
});

class RelativeRecord {
  constructor(locales, options) {
    const given = optionsOf(options);
    Object.assign(this, resolve(locales));
    this.table = tableOf(this.name).relatives;
    this.style = option(given, 'style', styleNames, 'long');
    this.numeric = option(given, 'numeric', ['always', 'auto'], 'always');
    this.number = new NumberRecord(this.locale, {});
  }
  parts(v, unit) {
    const n = Number(v);
    const singular = `${unit}`.replace(/s$/, '');
    if (this.table[singular] === undefined) throw new RangeError(`Invalid unit argument for format() '${unit}'; it can be ${Object.keys(this.table).join(', ')}`);
    if (!Number.isFinite(n)) throw new RangeError('Invalid number value: it must be finite');
    const [past, future, words] = this.table[singular][styleNames.indexOf(this.style)];
    if (this.numeric === 'auto' && words[n] !== undefined) return [{ type: 'literal', value: words[n] }];
    const isPast = n < 0 || Object.is(n, -0);
    const number = this.number.parts(Math.abs(n));
    const { int, fraction } = quantity(this.number, decimalOf(Math.abs(n)));
    const pattern = pickForm(isPast ? past : future, pluralOf(this.name, false, int, fraction));
    const parts = [];
    pattern.split('{0}').forEach((text, i) => {
      if (i === 1) for (const p of number) parts.push({ ...p, unit: singular });
      if (text !== '') parts.push({ type: 'literal', value: text });
    });
    return parts;
  }
}
function RelativeTimeFormat(locales = undefined, options = undefined) {
  mustBeNew('RelativeTimeFormat', new.target);
  hidden.set(this, new RelativeRecord(locales, options));
}
named(RelativeTimeFormat, 'RelativeTimeFormat', {
  format(value, unit) { return joined(recordOf(RelativeRecord, this, 'format').parts(value, unit)); },
  formatToParts(value, unit) { return recordOf(RelativeRecord, this, 'formatToParts').parts(value, unit); },
  resolvedOptions() {
    const r = recordOf(RelativeRecord, this, 'resolvedOptions');
    return { locale: r.locale, style: r.style, numeric: r.numeric, numberingSystem: r.number.numberingSystem };
  },
});

class ListRecord {
  constructor(locales, options) {
    const given = optionsOf(options);
    Object.assign(this, resolve(locales));
    this.type = option(given, 'type', ['conjunction', 'disjunction', 'unit'], 'conjunction');
    this.style = option(given, 'style', styleNames, 'long');
  }
  parts(iterable) {
    const items = iterable === undefined ? [] : [...iterable];
    for (const item of items) if (typeof item !== 'string') throw new TypeError('Iterable yielded a value which is not a string');
    const [pair, start, middle, end] = tableOf(this.name).lists[this.type][styleNames.indexOf(this.style)];
    const parts = [];
    items.forEach((value, i) => {
      if (i > 0) parts.push({ type: 'literal', value: items.length === 2 ? this.euphonic(pair, value) : i === items.length - 1 ? this.euphonic(end, value) : i === 1 ? start : middle });
      parts.push({ type: 'element', value });
    });
    return parts;
  }
  // euphonic is the one rule of CLDR that looks at the words: Spanish y before i, o before o.
  euphonic(text, next) {
    if (!this.name.startsWith('es')) return text;
    if (/^h?i(?![ae])/i.test(next)) return text.replace(/ y $/, ' e ');
    if (/^(h?o|8)/i.test(next)) return text.replace(/ o $/, ' u ');
    return text;
  }
}
function ListFormat(locales = undefined, options = undefined) {
  mustBeNew('ListFormat', new.target);
  hidden.set(this, new ListRecord(locales, options));
}
named(ListFormat, 'ListFormat', {
  format(list) { return joined(recordOf(ListRecord, this, 'format').parts(list)); },
  formatToParts(list) { return recordOf(ListRecord, this, 'formatToParts').parts(list); },
  resolvedOptions() {
    const { locale, type, style } = recordOf(ListRecord, this, 'resolvedOptions');
    return { locale, type, style };
  },
});
