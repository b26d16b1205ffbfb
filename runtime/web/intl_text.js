// Intl.Collator and Intl.Segmenter (ECMA-402 10, 19), and what Go gets.

class CollatorRecord {
  constructor(locales, options) {
    const given = optionsOf(options);
    Object.assign(this, resolve(locales));
    this.usage = option(given, 'usage', ['sort', 'search'], 'sort');
    this.numeric = given.numeric === undefined ? this.extension.kn === 'true' : !!given.numeric;
    this.caseFirst = option(given, 'caseFirst', ['upper', 'lower', 'false'], 'false');
    this.sensitivity = option(given, 'sensitivity', ['base', 'accent', 'case', 'variant'], 'variant');
    this.ignorePunctuation = !!given.ignorePunctuation;
    this.compare = host.collator(this.name, this.sensitivity, this.numeric);
  }
}
function Collator(locales = undefined, options = undefined) {
  if (new.target === undefined) return new Collator(locales, options);
  hidden.set(this, new CollatorRecord(locales, options));
}
named(Collator, 'Collator', {
  get compare() {
    const record = recordOf(CollatorRecord, this, 'Intl.Collator.prototype.compare');
    return (record.bound ??= (x, y) => record.compare(`${x}`, `${y}`));
  },
  resolvedOptions() {
    const { locale, usage, sensitivity, ignorePunctuation, numeric, caseFirst } = recordOf(CollatorRecord, this, 'resolvedOptions');
    return { locale, usage, sensitivity, ignorePunctuation, collation: 'default', numeric, caseFirst };
  },
});

class SegmenterRecord {
  constructor(locales, options) {
    const given = optionsOf(options);
    Object.assign(this, resolve(locales));
    this.granularity = option(given, 'granularity', ['grapheme', 'word', 'sentence'], 'grapheme');
    if (this.granularity !== 'grapheme') throw new RangeError(`Intl.Segmenter: granularity "${this.granularity}" is not available here; "grapheme" is`);
  }
}
class SegmentsRecord {
  constructor(input) {
    this.input = input;
    this.ends = host.graphemes(input);
  }
  at(i) {
    const index = i === 0 ? 0 : this.ends[i - 1];
    return { segment: this.input.slice(index, this.ends[i]), index, input: this.input };
  }
}
const segmentsPrototype = {};
define(segmentsPrototype, {
  containing(index = 0) {
    const s = recordOf(SegmentsRecord, this, 'containing');
    const n = Math.trunc(Number(index)) || 0;
    if (n < 0 || n >= s.input.length) return undefined;
    return s.at(s.ends.findIndex((end) => end > n));
  },
});
Object.defineProperty(segmentsPrototype, Symbol.iterator, {
  *value() {
    const s = recordOf(SegmentsRecord, this, '[Symbol.iterator]');
    for (let i = 0; i < s.ends.length; i++) yield s.at(i);
  },
  writable: true, configurable: true,
});

function Segmenter(locales = undefined, options = undefined) {
  mustBeNew('Segmenter', new.target);
  hidden.set(this, new SegmenterRecord(locales, options));
}
named(Segmenter, 'Segmenter', {
  segment(input) {
    recordOf(SegmenterRecord, this, 'segment');
    const segments = Object.create(segmentsPrototype);
    hidden.set(segments, new SegmentsRecord(`${input}`));
    return segments;
  },
  resolvedOptions() {
    const { locale, granularity } = recordOf(SegmenterRecord, this, 'resolvedOptions');
    return { locale, granularity };
  },
});

const Intl = Object.defineProperty({}, Symbol.toStringTag, { value: 'Intl', configurable: true });
define(Intl, {
  NumberFormat, DateTimeFormat, PluralRules, RelativeTimeFormat, ListFormat, Collator, Segmenter,
  getCanonicalLocales(locales = undefined) { return canonicalLocales(locales); },
  supportedValuesOf(key) {
    switch (`${key}`) {
      case 'calendar': return ['gregory'];
      case 'collation': return ['default'];
      case 'currency': return [...new Set([...Object.keys(tableOf('en').numbers.symbols), ...Object.keys(tableOf('en').numbers.narrow)])].sort();
      case 'numberingSystem': return ['latn'];
      case 'unit': return Object.keys(tableOf('en').numbers.units).sort();
    }
    throw new RangeError(`Intl.supportedValuesOf: "${key}" is not available here; calendar, collation, currency, numberingSystem and unit are`);
  },
});

// Formatters that toLocaleString and the like made, by what they were asked: code calls them in loops.
const kept = new Map();
const cached = (kind, locales, options, make) => {
  const simple = options === undefined && (locales === undefined || typeof locales === 'string');
  if (!simple) return make();
  const key = `${kind} ${locales}`;
  let record = kept.get(key);
  if (record === undefined) {
    if (kept.size >= 100) kept.clear();
    kept.set(key, record = make());
  }
  return record;
};

return {
  Intl,
  number: (v, locales, options) => joined(cached('number', locales, options, () => new NumberRecord(locales, options)).parts(v)),
  date: (v, locales, options, required, defaults) => {
    if (v !== v) return 'Invalid Date';
    return cached(required + defaults, locales, options, () => new DateRecord(locales, options, required, defaults)).format(v);
  },
  compare: (a, b, locales, options) => cached('compare', locales, options, () => new CollatorRecord(locales, options)).compare(a, b),
  upper: (s, locales) => host.upper(s, canonicalLocales(locales)[0] ?? 'en'),
  lower: (s, locales) => host.lower(s, canonicalLocales(locales)[0] ?? 'en'),
};
