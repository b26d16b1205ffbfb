// Writes the locale tables beside this file from the CLDR data of the Intl that runs it (Node with full ICU):
//   node generate.mjs
// A date pattern is literal text with fields in braces, "{MMMM} {d}, {y}"; an affix pattern has its number as "{0}".
import { writeFileSync } from 'node:fs';

const locales = `en en-GB en-CA en-AU en-IN de de-AT de-CH fr fr-CA es es-MX it pt pt-PT nl pl sv ja zh zh-TW ko ru tr ar`.split(' ');
const currencies = `USD EUR GBP JPY CNY KRW INR RUB TRY BRL CAD AUD NZD CHF SEK NOK DKK PLN CZK HUF MXN ILS ZAR HKD SGD TWD EGP SAR AED UAH THB`.split(' ');
const named = `USD EUR GBP JPY CNY CHF CAD AUD`.split(' ');
const units = `percent byte kilobyte megabyte gigabyte terabyte bit millisecond second minute hour day week month year
  millimeter centimeter meter kilometer inch foot yard mile gram kilogram ounce pound milliliter liter celsius fahrenheit degree
  kilometer-per-hour mile-per-hour`.split(/\s+/);

const samples = [0, 1, 2, 3, 5, 6, 11, 20, 100, 1.5];
const digits = 'integer group decimal fraction'.split(' ');
const numeral = (parts) => {
  let out = '';
  for (const { type, value } of parts) {
    if (digits.includes(type)) { if (!out.endsWith('{0}')) out += '{0}'; } else out += value;
  }
  return out;
};
// byCategory maps plural categories to patterns, with what all share under "other" only.
const byCategory = (locale, f) => {
  const rules = new Intl.PluralRules(locale);
  const all = {};
  for (const n of samples) all[rules.select(n)] ??= f(n);
  for (const k of Object.keys(all)) if (k !== 'other' && all[k] === all.other) delete all[k];
  return Object.keys(all).length === 1 && 'other' in all ? all.other : all;
};

const numbers = (locale) => {
  const of = (n, o) => new Intl.NumberFormat(locale, { useGrouping: 'always', ...o }).formatToParts(n);
  const pick = (parts, type) => parts.find((p) => p.type === type)?.value;
  const d = new Intl.NumberFormat(locale);
  const t = { system: d.resolvedOptions().numberingSystem };
  const zero = d.format(0);
  if (zero !== '0') t.zero = zero;
  t.decimal = pick(of(1.5), 'decimal');
  t.group = pick(of(12345), 'group');
  t.minus = pick(of(-1), 'minusSign');
  const mark = of(-1)[0];
  if (mark.type === 'literal') t.mark = mark.value; // of direction, before a sign
  t.plus = pick(of(1, { signDisplay: 'always' }), 'plusSign');
  t.nan = d.format(NaN);
  t.minGroup = d.format(1234) === d.format(1234).replace(t.group, '') ? 2 : 1;
  t.secondary = of(1e7).filter((p) => p.type === 'integer')[1].value.length;
  t.percent = numeral(of(0.5, { style: 'percent' }));
  t.percentSign = pick(of(0.5, { style: 'percent' }), 'percentSign');
  t.exponent = pick(of(1e5, { notation: 'scientific' }), 'exponentSeparator');
  const money = (n, o) => of(n, { style: 'currency', currency: 'USD', minimumFractionDigits: 0, maximumFractionDigits: 0, ...o });
  const shape = (parts) => parts.map(({ type, value }) => (digits.includes(type) ? '{0}' : type === 'currency' ? '¤' : type === 'minusSign' ? '-' : value)).join('');
  t.currency = shape(money(5, { currencyDisplay: 'narrowSymbol' }));
  t.accounting = shape(money(-5, { currencyDisplay: 'narrowSymbol', currencySign: 'accounting' }));
  const positive = shape(money(5, { currencyDisplay: 'narrowSymbol', currencySign: 'accounting' }));
  if (positive !== t.currency) t.accountingPositive = positive;
  t.negative = shape(money(-5, { currencyDisplay: 'narrowSymbol' }));
  t.symbols = {};
  t.narrow = {};
  for (const c of currencies) {
    const s = pick(money(5, { currency: c }), 'currency');
    const n = pick(money(5, { currency: c, currencyDisplay: 'narrowSymbol' }), 'currency');
    if (s !== c) t.symbols[c] = s;
    if (n !== s) t.narrow[c] = n;
  }
  t.names = {};
  for (const c of named) t.names[c] = byCategory(locale, (n) => numeral(money(n, { currency: c, currencyDisplay: 'name', maximumFractionDigits: 1 })));
  t.nameShape = numeral(money(5, { currency: 'XTS', currencyDisplay: 'name' })).replace(/\p{L}.*\p{L}/u, '¤');
  t.compact = {};
  for (const display of ['short', 'long']) {
    const rules = new Intl.PluralRules(locale);
    t.compact[display] = [];
    for (let k = 3; k < 15; k++) {
      const by = {};
      let shown;
      for (const lead of [1, 2, 3, 5, 6, 9]) {
        const parts = new Intl.NumberFormat(locale, { notation: 'compact', compactDisplay: display, useGrouping: false }).formatToParts(lead * 10 ** k);
        const int = parts.filter((p) => p.type === 'integer').map((p) => p.value).join('');
        const pattern = numeral(parts);
        if (pattern.includes('{0}')) {
          shown = int.length;
          by[rules.select(lead * 10 ** (shown - 1))] ??= pattern;
        } else {
          by['=1'] = pattern; // a word for one thousand
        }
      }
      by[rules.select(1.5)] ??= numeral(new Intl.NumberFormat(locale, { notation: 'compact', compactDisplay: display, useGrouping: false, minimumFractionDigits: 1 }).formatToParts(1.5 * 10 ** k));
      for (const c of Object.keys(by)) if (c !== 'other' && by[c] === by.other) delete by[c];
      t.compact[display].push([shown, Object.keys(by).length === 1 && by.other ? by.other : by]);
    }
  }
  t.units = {};
  for (const unit of units) {
    t.units[unit] = ['long', 'short', 'narrow'].map((unitDisplay) =>
      byCategory(locale, (n) => numeral(of(n, { style: 'unit', unit, unitDisplay }))));
  }
  return t;
};

const utc = (o) => ({ timeZone: 'UTC', numberingSystem: 'latn', ...o });
const sample = Date.UTC(2021, 8, 5, 7, 8, 9); // every field has one digit; a Sunday
const dates = (locale) => {
  const parts = (o, at = sample) => new Intl.DateTimeFormat(locale, utc(o)).formatToParts(at);
  const pick = (p, type) => p.find((x) => x.type === type)?.value;
  const months = (o) => Array.from({ length: 12 }, (_, m) => pick(parts(o, Date.UTC(2021, m, 5)), 'month'));
  const weekdays = (o) => Array.from({ length: 7 }, (_, d) => pick(parts(o, Date.UTC(2021, 7, 1 + d)), 'weekday'));
  const t = { hourCycle: new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions().hourCycle };
  const same = (a, b) => a.every((x, i) => x === b[i]);
  t.MMMM = months({ month: 'long', day: 'numeric' });
  t.MMM = months({ month: 'short', day: 'numeric' });
  t.MMMMM = months({ month: 'narrow' });
  const LLLL = months({ month: 'long' });
  const LLL = months({ month: 'short' });
  if (!same(LLLL, t.MMMM)) t.LLLL = LLLL;
  if (!same(LLL, t.MMM)) t.LLL = LLL;
  t.EEEE = weekdays({ weekday: 'long' });
  t.EEE = weekdays({ weekday: 'short' });
  t.EEEEE = weekdays({ weekday: 'narrow' });
  t.periods = [7, 19].map((h) => pick(parts({ hour: 'numeric', hour12: true }, Date.UTC(2021, 8, 5, h)), 'dayPeriod'));
  t.eras = ['short', 'long', 'narrow'].map((era) => [Date.UTC(-100, 0), sample].map((at) => pick(parts({ era, year: 'numeric' }, at), 'era')));
  const field = ({ type, value }, names) => {
    const two = value.length === 2 ? 2 : 1;
    switch (type) {
      case 'literal': return value;
      case 'year': return value === '21' ? '{yy}' : '{y}';
      case 'day': return '{d}'.replace('d', 'd'.repeat(two));
      case 'hour': return names.h12 ? '{h}'.replace('h', 'h'.repeat(two)) : '{H}'.replace('H', 'H'.repeat(two));
      case 'minute': return '{m}'.replace('m', 'm'.repeat(two));
      case 'second': return '{s}'.replace('s', 's'.repeat(two));
      case 'dayPeriod': return '{a}';
      case 'timeZoneName': return '{z}';
      case 'month':
        if (value === '9') return '{M}';
        if (value === '09') return '{MM}';
        for (const k of names.order) if (t[k]?.[8] === value) return `{${k}}`;
        break;
      case 'weekday':
        for (const k of names.weekday) if (t[k][0] === value) return `{${k}}`;
    }
    return value; // a name that only this pattern has
  };
  const pattern = (o, names = {}) => {
    const w = o.month === 'narrow' ? ['MMMMM'] : o.month === 'short' ? ['MMM', 'LLL'] : o.month === 'long' ? ['MMMM', 'LLLL'] : ['MMMM', 'MMM', 'LLLL', 'LLL'];
    const e = o.weekday === 'narrow' ? ['EEEEE'] : o.weekday === 'short' ? ['EEE'] : o.weekday === 'long' ? ['EEEE'] : ['EEEE', 'EEE'];
    return parts(o).map((p) => field(p, { order: [...w, 'MMMM', 'MMM', 'LLLL', 'LLL', 'MMMMM'], weekday: [...e, 'EEEE', 'EEE', 'EEEEE'], ...names })).join('');
  };
  t.dateStyle = Object.fromEntries(['full', 'long', 'medium', 'short'].map((s) => [s, pattern({ dateStyle: s })]));
  const h12 = t.hourCycle === 'h12' || t.hourCycle === 'h11';
  t.timeStyle = Object.fromEntries(['full', 'long', 'medium', 'short'].map((s) => [s, [false, true].map((hour12) => pattern({ timeStyle: s, ...(hour12 !== h12 ? { hour12 } : {}) }, { h12: hour12 }))]));
  // The date patterns by weekday, year, month and day as one digit each: their place in these lists.
  t.dates = {};
  const put = (key, o) => { t.dates[key] = pattern(o); };
  const W = [undefined, 'narrow', 'short', 'long'], Y = [undefined, 'numeric', '2-digit'];
  const M = [undefined, 'numeric', '2-digit', 'narrow', 'short', 'long'], D = [undefined, 'numeric', '2-digit'];
  W.forEach((weekday, w) => Y.forEach((year, y) => M.forEach((month, m) => D.forEach((day, d) => {
    if (w + y + m + d > 0) put(`${w}${y}${m}${d}`, { weekday, year, month, day });
  }))));
  // The time patterns by hour, minute and second, 24 and 12 hours.
  t.times = {};
  const T = [undefined, 'numeric', '2-digit'];
  T.forEach((hour, h) => T.forEach((minute, m) => T.forEach((second, s) => {
    if (h + m + s === 0 || (h > 0 && s > 0 && m === 0)) return;
    t.times[`${h}${m}${s}`] = [false, true].map((hour12) => pattern({ hour, minute, second, ...(h && hour12 !== h12 ? { hour12 } : {}) }, { h12: h > 0 && hour12 }));
  })));
  // The text between date and time: of the four styles, then of components with a numeric, short or long month.
  const glue = (o) => {
    const p = parts(o);
    const i = p.findIndex((x) => ['hour', 'dayPeriod'].includes(x.type));
    const { hour, minute, timeStyle, ...date } = o;
    const last = parts(date).at(-1); // a date may end in text of its own
    return last.type === 'literal' ? p[i - 1].value.slice(last.value.length) : p[i - 1].value;
  };
  t.glue = ['full', 'long', 'medium', 'short'].map((dateStyle) => glue({ dateStyle, timeStyle: 'short' }));
  const whole = { year: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' };
  t.glues = ['numeric', 'short', 'long'].map((month) => glue({ ...whole, month }));
  t.glues.push(glue({ ...whole, month: 'long', weekday: 'long' }));
  const z = pattern({ hour: 'numeric', minute: 'numeric', timeZoneName: 'short', }, { h12 });
  t.zone = z.replace(t.times['110'][h12 ? 1 : 0], '{0}');
  t.offset = pick(new Intl.DateTimeFormat(locale, { timeZone: 'Asia/Kolkata', hour: 'numeric', timeZoneName: 'longOffset' }).formatToParts(sample), 'timeZoneName').replace(/.05.30/u, '{0}');
  t.utcLong = pick(parts({ hour: 'numeric', timeZoneName: 'long' }), 'timeZoneName');
  return t;
};

const relatives = (locale) => {
  const t = {};
  for (const unit of ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year']) {
    t[unit] = ['long', 'short', 'narrow'].map((style) => {
      const always = new Intl.RelativeTimeFormat(locale, { style });
      const auto = new Intl.RelativeTimeFormat(locale, { style, numeric: 'auto' });
      const shape = (n) => numeral(always.formatToParts(n, unit));
      const words = {};
      for (const n of [-2, -1, 0, 1, 2]) {
        const p = auto.formatToParts(n, unit);
        if (!p.some((x) => x.type === 'integer')) words[n] = auto.format(n, unit);
      }
      return [byCategory(locale, (n) => shape(-n)), byCategory(locale, shape), words];
    });
  }
  return t;
};

const lists = (locale) => {
  const t = {};
  for (const type of ['conjunction', 'disjunction', 'unit']) {
    t[type] = ['long', 'short', 'narrow'].map((style) => {
      const between = (...items) => new Intl.ListFormat(locale, { type, style }).formatToParts(items).filter((p) => p.type === 'literal').map((p) => p.value);
      const [start = '', middle = '', end = ''] = between('A', 'B', 'C', 'D');
      return [between('A', 'B')[0] ?? '', start, middle, end];
    });
  }
  return t;
};

for (const locale of locales) {
  const table = { numbers: numbers(locale), dates: dates(locale), relatives: relatives(locale), lists: lists(locale) };
  writeFileSync(new URL(`${locale}.json`, import.meta.url), `${JSON.stringify(table)}\n`);
}
