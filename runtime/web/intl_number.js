// Intl.NumberFormat (ECMA-402 15).

// decimalOf is { negative, digits, point } of a number: 0.digits x 10^point, no leading zeros.
const decimalOf = (v) => {
  const text = typeof v === 'bigint' ? `${v}` : Object.is(v, -0) ? '-0' : `${v}`;
  const [, sign, int, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text);
  const all = int + fraction;
  const digits = all.replace(/^0+/, '');
  return { negative: sign === '-', digits, point: int.length + Number(exponent) - (all.length - digits.length) };
};

// rounded keeps n digits of d, half away from zero.
const rounded = ({ negative, digits, point }, n) => {
  if (n >= digits.length) return { negative, digits, point };
  if (n < 0) return { negative, digits: '', point: 0 };
  const up = digits[n] >= '5';
  let kept = digits.slice(0, n).split('');
  if (!up) return { negative, digits: kept.join('').replace(/0+$/, ''), point };
  let i = n - 1;
  while (i >= 0 && kept[i] === '9') i--;
  if (i < 0) return { negative, digits: '1', point: point + 1 };
  kept = kept.slice(0, i + 1);
  kept[i] = String(Number(kept[i]) + 1);
  return { negative, digits: kept.join(''), point };
};

const split = ({ digits, point }, minInteger, minFraction) => {
  const int = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const fraction = point >= digits.length ? '' : '0'.repeat(Math.max(-point, 0)) + digits.slice(Math.max(point, 0));
  return { int: int.padStart(minInteger, '0'), fraction: fraction.padEnd(minFraction, '0') };
};

const shift = (d, by) => ({ ...d, point: d.digits === '' ? 0 : d.point + by });

// quantity rounds d as the digit options say and returns { int, fraction }.
const quantity = (o, d) => {
  const bySignificant = () => {
    const r = rounded(d, o.maximumSignificantDigits);
    return split(r, o.minimumIntegerDigits, Math.max(0, o.minimumSignificantDigits - (r.digits === '' ? 1 : r.point)));
  };
  const byFraction = () => split(rounded(d, d.point + o.maximumFractionDigits), o.minimumIntegerDigits, o.minimumFractionDigits);
  if (o.rounding === 'compact') return d.point >= 2 ? byFraction() : bySignificant();
  const q = o.rounding === 'significant' ? bySignificant() : byFraction();
  if (o.trailingZeroDisplay === 'stripIfInteger' && /^0*$/.test(q.fraction)) q.fraction = '';
  return q;
};

const currencyDigits = (currency) => (
  'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.includes(currency) ? 0
    : 'BHD IQD JOD KWD LYD OMR TND'.includes(currency) ? 3 : 2);

// digitOptions reads the options that NumberFormat and PluralRules share (ECMA-402 15.1.3).
const digitOptions = (o, given, minDefault, maxDefault, compact) => {
  o.minimumIntegerDigits = numberOption(given, 'minimumIntegerDigits', 1, 21, 1);
  const { minimumFractionDigits: minF, maximumFractionDigits: maxF, minimumSignificantDigits: minS, maximumSignificantDigits: maxS } = given;
  o.trailingZeroDisplay = option(given, 'trailingZeroDisplay', ['auto', 'stripIfInteger'], 'auto');
  if (minS !== undefined || maxS !== undefined) {
    o.rounding = 'significant';
    o.minimumSignificantDigits = numberOption(given, 'minimumSignificantDigits', 1, 21, 1);
    o.maximumSignificantDigits = numberOption(given, 'maximumSignificantDigits', o.minimumSignificantDigits, 21, 21);
  } else if (minF !== undefined || maxF !== undefined || !compact) {
    o.rounding = 'fraction';
    let min = numberOption(given, 'minimumFractionDigits', 0, 100, undefined);
    let max = numberOption(given, 'maximumFractionDigits', 0, 100, undefined);
    if (min === undefined) min = max === undefined ? minDefault : Math.min(minDefault, max);
    if (max === undefined) max = Math.max(maxDefault, min);
    if (min > max) throw new RangeError(`maximumFractionDigits value is out of range: ${max} is less than minimumFractionDigits, ${min}`);
    o.minimumFractionDigits = min;
    o.maximumFractionDigits = max;
  } else {
    o.rounding = 'compact';
    Object.assign(o, { minimumFractionDigits: 0, maximumFractionDigits: 0, minimumSignificantDigits: 1, maximumSignificantDigits: 2 });
  }
};

class NumberRecord {
  constructor(locales, options) {
    const given = optionsOf(options);
    Object.assign(this, resolve(locales));
    this.table = tableOf(this.name).numbers;
    this.style = option(given, 'style', ['decimal', 'percent', 'currency', 'unit'], 'decimal');
    const currency = option(given, 'currency', undefined, undefined);
    if (currency !== undefined && !/^[a-z]{3}$/i.test(currency)) throw new RangeError(`Invalid currency code : ${currency}`);
    const currencyDisplay = option(given, 'currencyDisplay', ['code', 'symbol', 'narrowSymbol', 'name'], 'symbol');
    const currencySign = option(given, 'currencySign', ['standard', 'accounting'], 'standard');
    const unit = option(given, 'unit', undefined, undefined);
    const unitDisplay = option(given, 'unitDisplay', ['short', 'narrow', 'long'], 'short');
    if (this.style === 'currency') {
      if (currency === undefined) throw new TypeError('Currency code is required with currency style.');
      Object.assign(this, { currency: currency.toUpperCase(), currencyDisplay, currencySign });
    }
    if (this.style === 'unit') {
      if (unit === undefined) throw new TypeError('Unit is required with unit style.');
      if (this.table.units[unit] === undefined) throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${unit}'; it can be ${Object.keys(this.table.units).join(', ')}`);
      Object.assign(this, { unit, unitDisplay });
    }
    this.notation = option(given, 'notation', ['standard', 'scientific', 'engineering', 'compact'], 'standard');
    const cents = this.style === 'currency' ? currencyDigits(this.currency) : 0;
    digitOptions(this, given, this.style === 'currency' && this.notation === 'standard' ? cents : 0,
      this.style === 'currency' && this.notation === 'standard' ? cents : this.style === 'percent' ? 0 : 3, this.notation === 'compact');
    const display = option(given, 'compactDisplay', ['short', 'long'], 'short');
    if (this.notation === 'compact') this.compactDisplay = display;
    const { useGrouping } = given;
    const fallback = this.notation === 'compact' ? 'min2' : 'auto';
    if (useGrouping === undefined || useGrouping === 'true' || useGrouping === 'false') this.useGrouping = fallback;
    else if (useGrouping === true) this.useGrouping = 'always';
    else if (!useGrouping) this.useGrouping = false;
    else this.useGrouping = option(given, 'useGrouping', ['min2', 'auto', 'always'], fallback);
    this.signDisplay = option(given, 'signDisplay', ['auto', 'never', 'always', 'exceptZero', 'negative'], 'auto');
    const { zero = '0' } = this.table;
    const system = option(given, 'numberingSystem', undefined, this.extension.nu);
    this.numberingSystem = system === 'latn' ? 'latn' : this.table.system;
    this.zero = this.numberingSystem === 'latn' ? '0' : zero;
  }

  localDigits(s) {
    if (this.zero === '0') return s;
    const base = this.zero.charCodeAt(0);
    return s.replace(/\d/g, (c) => String.fromCharCode(base + Number(c)));
  }

  numberParts({ int, fraction }) {
    const { table } = this;
    const parts = [];
    const min = { always: 1, auto: table.minGroup, min2: 2 }[this.useGrouping];
    if (this.useGrouping !== false && int.length >= 3 + min) {
      const groups = [int.slice(-3)];
      for (let rest = int.slice(0, -3); rest !== ''; rest = rest.slice(0, -table.secondary)) groups.unshift(rest.slice(-table.secondary));
      groups.forEach((g, i) => {
        if (i > 0) parts.push({ type: 'group', value: table.group });
        parts.push({ type: 'integer', value: this.localDigits(g) });
      });
    } else {
      parts.push({ type: 'integer', value: this.localDigits(int) });
    }
    if (fraction !== '') parts.push({ type: 'decimal', value: table.decimal }, { type: 'fraction', value: this.localDigits(fraction) });
    return parts;
  }

  // compact finds the divisor and the pattern for d.
  compact(d) {
    const patterns = this.table.compact[this.compactDisplay];
    const at = (e) => {
      if (e < 3) return [quantity(this, d), '{0}', 0];
      const [shown, forms] = patterns[Math.min(e, 14) - 3];
      const power = Math.min(e, 14) - shown + 1;
      return [quantity(this, shift(d, -power)), forms, power];
    };
    const e = d.point - 1;
    const first = at(e);
    const { int } = first[0];
    return int.replace(/^0+/, '').length + first[2] > d.point ? at(e + 1) : first;
  }

  // affixed puts a pattern's text around the number; kind is the type of that text.
  affixed(pattern, number, kind) {
    const parts = [];
    pattern.split('{0}').forEach((text, i) => {
      if (i === 1) parts.push(...number);
      if (text === '') return;
      const [, before, word, after] = /^(\s*)(.*?)(\s*)$/.exec(text);
      if (before !== '') parts.push({ type: 'literal', value: before });
      if (word !== '') parts.push({ type: kind, value: word });
      if (after !== '') parts.push({ type: 'literal', value: after });
    });
    return parts;
  }

  parts(v) {
    const { table } = this;
    const value = typeof v === 'bigint' ? v : Number(v);
    let negative;
    let number;
    let zero = false;
    let q = { int: '0', fraction: '' };
    let compactForms = '{0}';
    if (value !== value) {
      negative = false;
      number = [{ type: 'nan', value: table.nan }];
    } else if (value === Infinity || value === -Infinity) {
      negative = value < 0;
      number = [{ type: 'infinity', value: '∞' }];
    } else {
      let d = decimalOf(value);
      if (this.style === 'percent') d = shift(d, 2);
      ({ negative } = d);
      if (this.notation === 'compact') {
        [q, compactForms] = this.compact(d);
        number = this.numberParts(q);
      } else if (this.notation === 'standard') {
        q = quantity(this, d);
        number = this.numberParts(q);
      } else {
        number = this.scientific(d);
      }
      zero = !number.some((p) => (p.type === 'integer' || p.type === 'fraction') && /[^0\u0660]/.test(p.value));
    }
    const category = () => pluralOf(this.name, false, q.int, q.fraction);
    if (compactForms !== '{0}') {
      const word = q.int === '1' && q.fraction === '' ? compactForms['=1'] : undefined;
      number = this.affixed(word ?? pickForm(compactForms, category()), number, 'compact');
    }
    const sign = this.sign(negative, zero);
    if (this.style === 'currency' && this.currencyDisplay !== 'name') return this.money(number, sign);
    const signed = sign === '' ? number : [{ type: sign === '-' ? 'minusSign' : 'plusSign', value: (table.mark ?? '') + (sign === '-' ? table.minus : table.plus) }, ...number];
    switch (this.style) {
      case 'percent': return [...signed.slice(0, signed.length - number.length), ...this.affixed(table.percent, number, 'percentSign')];
      case 'unit': {
        const i = ['long', 'short', 'narrow'].indexOf(this.unitDisplay);
        return this.affixed(pickForm(table.units[this.unit][i], category()), signed, this.unit === 'percent' && i > 0 ? 'percentSign' : 'unit');
      }
      case 'currency':
        return this.affixed(pickForm(table.names[this.currency] ?? table.nameShape.replace('¤', this.currency), category()), signed, 'currency');
    }
    return signed;
  }

  sign(negative, zero) {
    switch (this.signDisplay) {
      case 'never': return '';
      case 'always': return negative ? '-' : '+';
      case 'exceptZero': return zero ? '' : negative ? '-' : '+';
      case 'negative': return negative && !zero ? '-' : '';
    }
    return negative ? '-' : '';
  }

  scientific(d) {
    const step = this.notation === 'engineering' ? 3 : 1;
    let exponent = d.digits === '' ? 0 : Math.floor((d.point - 1) / step) * step;
    let q = quantity(this, shift(d, -exponent));
    if (q.int.length > step) { // rounding carried
      exponent += step;
      q = quantity(this, shift(d, -exponent));
    }
    const parts = [...this.numberParts(q), { type: 'exponentSeparator', value: this.table.exponent }];
    if (exponent < 0) parts.push({ type: 'exponentMinusSign', value: this.table.minus });
    parts.push({ type: 'exponentInteger', value: this.localDigits(`${Math.abs(exponent)}`) });
    return parts;
  }

  money(number, sign) {
    const { table, currency, currencyDisplay } = this;
    const symbol = currencyDisplay === 'code' ? currency
      : (currencyDisplay === 'narrowSymbol' ? table.narrow[currency] : undefined) ?? table.symbols[currency] ?? currency;
    let pattern = this.currencySign === 'accounting' ? table.accountingPositive ?? table.currency : table.currency;
    if (sign === '-') pattern = this.currencySign === 'accounting' ? table.accounting : table.negative;
    else if (sign === '+') pattern = table.negative;
    // A symbol of letters does not touch the digits.
    const letter = (c) => c !== undefined && c.toLowerCase() !== c.toUpperCase();
    if (letter(symbol.at(-1))) pattern = pattern.replace('¤{0}', '¤\u00a0{0}');
    if (letter(symbol[0])) pattern = pattern.replace('{0}¤', '{0}\u00a0¤');
    const parts = [];
    for (const token of pattern.split(/(\{0\}|¤|-)/)) {
      if (token === '{0}') parts.push(...number);
      else if (token === '¤') parts.push({ type: 'currency', value: symbol });
      else if (token === '-') parts.push(sign === '+' ? { type: 'plusSign', value: table.plus } : { type: 'minusSign', value: table.minus });
      else if (token !== '') parts.push({ type: 'literal', value: token });
    }
    return parts;
  }
}

const numeric = (v) => (typeof v === 'bigint' ? v : typeof v === 'object' && v !== null ? numeric(v[Symbol.toPrimitive]?.('number') ?? v.valueOf()) : Number(v));

function NumberFormat(locales = undefined, options = undefined) {
  if (new.target === undefined) return new NumberFormat(locales, options);
  hidden.set(this, new NumberRecord(locales, options));
}
named(NumberFormat, 'NumberFormat', {
  get format() {
    const record = recordOf(NumberRecord, this, 'Intl.NumberFormat.prototype.format');
    return (record.bound ??= (value) => joined(record.parts(numeric(value))));
  },
  formatToParts(value) { return recordOf(NumberRecord, this, 'formatToParts').parts(numeric(value)); },
  resolvedOptions() {
    const r = recordOf(NumberRecord, this, 'resolvedOptions');
    const o = { locale: r.locale };
    for (const k of ['numberingSystem', 'style', 'currency', 'currencyDisplay', 'currencySign', 'unit', 'unitDisplay', 'minimumIntegerDigits',
      'minimumFractionDigits', 'maximumFractionDigits', 'minimumSignificantDigits', 'maximumSignificantDigits', 'useGrouping', 'notation',
      'compactDisplay', 'signDisplay']) if (r[k] !== undefined) o[k] = r[k];
    return { ...o, roundingIncrement: 1, roundingMode: 'halfExpand', roundingPriority: r.rounding === 'compact' ? 'morePrecision' : 'auto', trailingZeroDisplay: r.trailingZeroDisplay };
  },
});
