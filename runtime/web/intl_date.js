// Intl.DateTimeFormat (ECMA-402 11), for the Gregorian calendar.

const lengths = {
  weekday: ['narrow', 'short', 'long'],
  era: ['narrow', 'short', 'long'],
  year: ['2-digit', 'numeric'],
  month: ['2-digit', 'numeric', 'narrow', 'short', 'long'],
  day: ['2-digit', 'numeric'],
  dayPeriod: ['narrow', 'short', 'long'],
  hour: ['2-digit', 'numeric'],
  minute: ['2-digit', 'numeric'],
  second: ['2-digit', 'numeric'],
  timeZoneName: ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric'],
};
const dateFields = ['weekday', 'year', 'month', 'day'];
const timeFields = ['dayPeriod', 'hour', 'minute', 'second', 'fractionalSecondDigits'];
const styles = ['full', 'long', 'medium', 'short'];

// Zones whose names English speakers use; everyone else reads an offset.
const zoneNames = {
  EST: 'Eastern Standard Time', EDT: 'Eastern Daylight Time', CST: 'Central Standard Time', CDT: 'Central Daylight Time',
  MST: 'Mountain Standard Time', MDT: 'Mountain Daylight Time', PST: 'Pacific Standard Time', PDT: 'Pacific Daylight Time',
  AKST: 'Alaska Standard Time', AKDT: 'Alaska Daylight Time', HST: 'Hawaii-Aleutian Standard Time',
};

class DateRecord {
  constructor(locales, options, required, defaults) {
    const given = optionsOf(options);
    Object.assign(this, resolve(locales));
    const { dates, numbers } = tableOf(this.name);
    this.table = dates;
    this.numbers = numbers;
    const hour12 = given.hour12 === undefined ? undefined : !!given.hour12;
    let hourCycle = option(given, 'hourCycle', ['h11', 'h12', 'h23', 'h24'], undefined);
    const calendar = option(given, 'calendar', undefined, 'gregory');
    if (!/^[0-9a-z]{3,8}(-[0-9a-z]{3,8})*$/i.test(calendar)) throw new RangeError(`Invalid calendar : ${calendar}`);
    this.numberingSystem = option(given, 'numberingSystem', undefined, this.extension.nu) === 'latn' ? 'latn' : numbers.system;
    const zone = host.zone(given.timeZone === undefined ? undefined : `${given.timeZone}`);
    if (zone === undefined) throw new RangeError(`Invalid time zone specified: ${given.timeZone}`);
    this.zone = zone;
    for (const [name, allowed] of Object.entries(lengths)) this[name] = option(given, name, allowed, undefined);
    this.fractionalSecondDigits = numberOption(given, 'fractionalSecondDigits', 1, 3, undefined);
    this.dateStyle = option(given, 'dateStyle', styles, undefined);
    this.timeStyle = option(given, 'timeStyle', styles, undefined);
    if (this.dateStyle !== undefined || this.timeStyle !== undefined) {
      for (const name of [...Object.keys(lengths), 'fractionalSecondDigits']) {
        if (this[name] !== undefined) throw new TypeError(`Can't set option ${name} when ${this.dateStyle ? 'dateStyle' : 'timeStyle'} is used`);
      }
      if (required === 'date' && this.timeStyle !== undefined) throw new TypeError('Invalid option : timeStyle');
      if (required === 'time' && this.dateStyle !== undefined) throw new TypeError('Invalid option : dateStyle');
    } else {
      const wanted = [...(required !== 'time' ? dateFields : []), ...(required !== 'date' ? timeFields : [])];
      if (!wanted.some((f) => this[f] !== undefined)) {
        if (defaults !== 'time') this.year = this.month = this.day = 'numeric';
        if (defaults !== 'date') this.hour = this.minute = this.second = 'numeric';
      }
    }
    if (this.hour !== undefined || this.timeStyle !== undefined) {
      const natural = dates.hourCycle;
      const { hc } = this.extension;
      if (hour12 !== undefined) hourCycle = hour12 ? (natural === 'h11' ? 'h11' : 'h12') : 'h23';
      else hourCycle ??= ['h11', 'h12', 'h23', 'h24'].includes(hc) ? hc : natural;
      this.hourCycle = hourCycle;
    }
    this.pattern = this.choose();
    const zero = this.numberingSystem === 'latn' ? '0' : numbers.zero ?? '0';
    this.base = zero === '0' ? 0 : zero.charCodeAt(0);
  }

  // choose makes the pattern: a date, a time, or both with the text between.
  choose() {
    const { table } = this;
    const twelve = this.hourCycle === 'h11' || this.hourCycle === 'h12' ? 1 : 0;
    if (this.dateStyle !== undefined || this.timeStyle !== undefined) {
      const date = this.dateStyle && table.dateStyle[this.dateStyle];
      const time = this.timeStyle && table.timeStyle[this.timeStyle][twelve];
      if (date === undefined || time === undefined) return date ?? time;
      return date + table.glue[styles.indexOf(this.dateStyle)] + time;
    }
    const at = (name, list) => list.indexOf(this[name]) + 1;
    const month = at('month', ['numeric', '2-digit', 'narrow', 'short', 'long']);
    const weekday = at('weekday', lengths.weekday);
    const key = `${weekday}${at('year', ['numeric', '2-digit'])}${month}${at('day', ['numeric', '2-digit'])}`;
    let date = table.dates[key];
    if (this.era !== undefined) date = date === undefined ? '{G}' : `${date} {G}`;
    let time = this.time(twelve);
    if (this.timeZoneName !== undefined) {
      if (time !== undefined) time = table.zone.replace('{0}', time);
      else return `${date ?? ''}${date === undefined ? '' : ', '}{z}`;
    }
    if (date === undefined || time === undefined) return date ?? time;
    const i = month === 5 ? (weekday > 0 ? 3 : 2) : month >= 3 ? 1 : 0;
    return date + table.glues[i] + time;
  }

  time(twelve) {
    const digits = this.fractionalSecondDigits;
    let [h, m, s] = ['hour', 'minute', 'second'].map((name) => ['numeric', '2-digit'].indexOf(this[name]) + 1);
    if (this.timeZoneName !== undefined) [m, s] = [Math.min(m, 1), Math.min(s, 1)]; // as ICU does
    let pattern = this.table.times[`${h}${h > 0 && s > 0 && m === 0 ? 1 : m}${s}`]?.[twelve];
    if (digits !== undefined) {
      const fraction = '{f}';
      pattern = pattern === undefined ? fraction : pattern.replace(/\{s+\}/, (x) => `${x}${this.numbers.decimal}${fraction}`);
    }
    return pattern;
  }

  number(n, width = 1) {
    const s = `${n}`.padStart(width, '0');
    return this.base === 0 ? s : s.replace(/\d/g, (c) => String.fromCharCode(this.base + Number(c)));
  }

  parts(v) {
    const at = v === undefined ? Date.now() : Number(v);
    if (!(Math.abs(at) <= 8.64e15)) throw new RangeError('Invalid time value');
    const time = Math.trunc(at);
    const t = new Date(time + this.zone.offset(time) * 1000);
    const parts = [];
    for (const token of this.pattern.split(/(\{[A-Za-z]+\})/)) {
      if (token === '') continue;
      if (token[0] !== '{') {
        const last = parts.at(-1);
        if (last?.type === 'literal') last.value += token;
        else parts.push({ type: 'literal', value: token });
      } else {
        parts.push(this.field(token.slice(1, -1), t, time));
      }
    }
    return parts;
  }

  // format has ordinary spaces where the parts have narrow ones: too much code splits times at them.
  format(v) { return joined(this.parts(v)).replace(/\u202f/g, ' '); }

  field(token, t, time) {
    const { table } = this;
    const width = token.length;
    const year = t.getUTCFullYear();
    switch (token[0]) {
      case 'E': return { type: 'weekday', value: table[token][t.getUTCDay()] };
      case 'y': {
        const shown = year > 0 ? year : 1 - year;
        return { type: 'year', value: token === 'yy' ? this.number(shown % 100, 2) : this.number(shown) };
      }
      case 'M': case 'L':
        return { type: 'month', value: width > 2 ? table[token][t.getUTCMonth()] : this.number(t.getUTCMonth() + 1, width) };
      case 'd': return { type: 'day', value: this.number(t.getUTCDate(), width) };
      case 'h': {
        const h = t.getUTCHours() % 12;
        return { type: 'hour', value: this.number(h === 0 && this.hourCycle !== 'h11' ? 12 : h, width) };
      }
      case 'H': {
        const h = t.getUTCHours();
        return { type: 'hour', value: this.number(h === 0 && this.hourCycle === 'h24' ? 24 : h, width) };
      }
      case 'm': return { type: 'minute', value: this.number(t.getUTCMinutes(), width) };
      case 's': return { type: 'second', value: this.number(t.getUTCSeconds(), width) };
      case 'f': return { type: 'fractionalSecond', value: this.number(`${t.getUTCMilliseconds()}`.padStart(3, '0').slice(0, this.fractionalSecondDigits)) };
      case 'a': return { type: 'dayPeriod', value: table.periods[t.getUTCHours() < 12 ? 0 : 1] };
      case 'G': return { type: 'era', value: table.eras[['short', 'long', 'narrow'].indexOf(this.era)][year > 0 ? 1 : 0] };
    }
    return { type: 'timeZoneName', value: this.zoneName(time) };
  }

  zoneName(time) {
    const { table, zone } = this;
    const style = this.timeZoneName ?? (this.timeStyle === 'full' ? 'long' : 'short');
    const long = style.startsWith('long');
    if (!style.endsWith('Offset')) {
      if (zone.name === 'UTC') return long ? table.utcLong : 'UTC';
      if (/^(en|en-CA)$/.test(this.name) && /^(America|US|Pacific)\//.test(zone.name)) {
        const short = zone.abbreviation(time);
        if (zoneNames[short] !== undefined) return long ? zoneNames[short] : short;
      }
    }
    const seconds = zone.offset(time);
    if (seconds === 0) return table.offset.replace('{0}', '');
    const h = Math.trunc(Math.abs(seconds) / 3600);
    const m = Math.trunc((Math.abs(seconds) % 3600) / 60);
    const sign = seconds < 0 ? '-' : '+';
    const text = long ? `${`${h}`.padStart(2, '0')}:${`${m}`.padStart(2, '0')}` : `${h}${m === 0 ? '' : `:${`${m}`.padStart(2, '0')}`}`;
    return table.offset.replace('{0}', sign + text);
  }
}

function DateTimeFormat(locales = undefined, options = undefined) {
  if (new.target === undefined) return new DateTimeFormat(locales, options);
  hidden.set(this, new DateRecord(locales, options, 'any', 'date'));
}
named(DateTimeFormat, 'DateTimeFormat', {
  get format() {
    const record = recordOf(DateRecord, this, 'Intl.DateTimeFormat.prototype.format');
    return (record.bound ??= (date) => record.format(date));
  },
  formatToParts(date) { return recordOf(DateRecord, this, 'formatToParts').parts(date); },
  resolvedOptions() {
    const r = recordOf(DateRecord, this, 'resolvedOptions');
    const o = { locale: r.locale, calendar: 'gregory', numberingSystem: r.numberingSystem, timeZone: r.zone.name };
    if (r.hourCycle !== undefined) Object.assign(o, { hourCycle: r.hourCycle, hour12: r.hourCycle === 'h11' || r.hourCycle === 'h12' });
    const width = (token) => (token.length === 2 ? '2-digit' : 'numeric');
    const shown = { __proto__: null };
    if (r.dateStyle === undefined && r.timeStyle === undefined) {
      for (const [, token] of r.pattern.matchAll(/\{([A-Za-z]+)\}/g)) {
        const field = { E: 'weekday', G: 'era', y: 'year', M: 'month', L: 'month', d: 'day', h: 'hour', H: 'hour', m: 'minute', s: 'second' }[token[0]];
        if (field !== undefined) shown[field] = ['weekday', 'era'].includes(field) || token.length > 2 ? r[field] : width(token);
      }
    }
    for (const f of ['weekday', 'era', 'year', 'month', 'day', 'hour', 'minute', 'second']) if (shown[f] !== undefined) o[f] = shown[f];
    for (const f of ['fractionalSecondDigits', 'timeZoneName', 'dateStyle', 'timeStyle']) if (r[f] !== undefined) o[f] = r[f];
    return o;
  },
});
