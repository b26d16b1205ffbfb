// Writes cases.json: expressions and what Node with full ICU makes of them.
//   node cases.mjs
import { writeFileSync } from 'node:fs';

const locales = `en-US en-GB de fr es it pt-BR nl pl sv ja zh ko ru tr ar`.split(' ');
const cases = [];
const at = 'new Date(Date.UTC(2024, 2, 9, 17, 4, 5, 678))';
for (const l of locales) {
  for (const n of ['0', '-0', '1234.5', '-1234567.891', '0.0005', 'NaN', '-Infinity', '123456789012345680000', '12345678901234567890n']) cases.push(`(${n}).toLocaleString('${l}')`);
  for (const o of [
    `style: 'percent'`, `style: 'percent', maximumFractionDigits: 1`, `style: 'currency', currency: 'USD'`, `style: 'currency', currency: 'EUR'`,
    `style: 'currency', currency: 'JPY'`, `style: 'currency', currency: 'CHF'`, `style: 'currency', currency: 'GBP', currencyDisplay: 'code'`,
    `style: 'currency', currency: 'USD', currencyDisplay: 'name'`, `style: 'currency', currency: 'CAD', currencyDisplay: 'narrowSymbol', currencySign: 'accounting'`,
    `style: 'unit', unit: 'kilometer-per-hour'`, `style: 'unit', unit: 'megabyte', unitDisplay: 'long'`, `style: 'unit', unit: 'day', unitDisplay: 'narrow'`,
    `notation: 'compact'`, `notation: 'compact', compactDisplay: 'long'`, `notation: 'scientific'`, `notation: 'engineering'`,
    `minimumFractionDigits: 2`, `maximumSignificantDigits: 3`, `useGrouping: false`, `useGrouping: 'min2'`, `signDisplay: 'always'`,
    `signDisplay: 'exceptZero'`, `minimumIntegerDigits: 5`,
  ]) for (const n of ['0', '1', '-1234.567', '98765.4321', '1499999']) cases.push(`new Intl.NumberFormat('${l}', { ${o} }).format(${n})`);
  for (const o of [
    `dateStyle: 'full'`, `dateStyle: 'long'`, `dateStyle: 'medium'`, `dateStyle: 'short'`, `timeStyle: 'full'`, `timeStyle: 'long'`, `timeStyle: 'medium'`,
    `timeStyle: 'short'`, `dateStyle: 'full', timeStyle: 'short'`, `dateStyle: 'medium', timeStyle: 'short'`, `year: 'numeric', month: 'long', day: 'numeric'`,
    `weekday: 'long', month: 'short', day: '2-digit'`, `month: 'long', year: 'numeric'`, `month: 'long'`, `weekday: 'short'`, `hour: 'numeric'`,
    `hour: '2-digit', minute: '2-digit'`, `hour: 'numeric', minute: '2-digit', hour12: true`, `hour: 'numeric', minute: '2-digit', hour12: false`,
    `minute: '2-digit', second: '2-digit'`, `hour: 'numeric', minute: 'numeric', timeZoneName: 'long'`, `weekday: 'long', year: 'numeric', month: 'long', day: 'numeric', hour: 'numeric', minute: 'numeric'`, `hour: 'numeric', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3`,
    `year: '2-digit', month: '2-digit', day: '2-digit'`, `year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit'`,
    `hour: 'numeric', minute: '2-digit', timeZoneName: 'short'`, ``,
  ]) for (const d of [at, 'new Date(Date.UTC(2025, 10, 30, 2, 7))']) cases.push(`new Intl.DateTimeFormat('${l}', { timeZone: 'UTC', ${o} }).format(${d})`);
  for (const zone of ['America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Asia/Tokyo']) cases.push(`${at}.toLocaleString('${l}', { timeZone: '${zone}' })`);
  cases.push(`${at}.toLocaleDateString('${l}', { timeZone: 'UTC' })`, `${at}.toLocaleTimeString('${l}', { timeZone: 'UTC' })`);
  for (const n of [0, 1, 2, 3, 5, 11, 21, 1.5, 100]) {
    cases.push(`new Intl.PluralRules('${l}').select(${n})`);
    if (n % 1 === 0) cases.push(`new Intl.PluralRules('${l}', { type: 'ordinal' }).select(${n})`);
  }
  for (const unit of ['second', 'day', 'months', 'year']) for (const n of [-1, 0, 1, -3, 12.5]) {
    cases.push(`new Intl.RelativeTimeFormat('${l}').format(${n}, '${unit}')`, `new Intl.RelativeTimeFormat('${l}', { numeric: 'auto', style: 'short' }).format(${n}, '${unit}')`);
  }
  for (const type of ['conjunction', 'disjunction', 'unit']) for (const list of [`['A']`, `['A', 'B']`, `['A', 'B', 'C', 'D']`]) {
    cases.push(`new Intl.ListFormat('${l}', { type: '${type}' }).format(${list})`);
  }
  cases.push(`['z', 'a', 'Z', 'A', 'ä', 'o', 'ö', 'é', 'e', 'ı', 'i', 'ñ', 'n'].sort(new Intl.Collator('${l}').compare).join('')`);
  cases.push(`'iI\u0131\u0130ß'.toLocaleUpperCase('${l}') + 'IİÀ'.toLocaleLowerCase('${l}')`);
  cases.push(`JSON.stringify(new Intl.NumberFormat('${l}', { style: 'currency', currency: 'EUR' }).formatToParts(-1234.5))`);
  cases.push(`JSON.stringify(new Intl.DateTimeFormat('${l}', { timeZone: 'UTC', dateStyle: 'long', timeStyle: 'short' }).formatToParts(${at}))`);
}
cases.push(
  `(1.005).toLocaleString('en', { maximumFractionDigits: 2 })`, `(999999).toLocaleString('en', { notation: 'compact' })`, `(0.5).toLocaleString('en', { maximumFractionDigits: 0 })`,
  `(12345678).toLocaleString('en-IN')`, `(1234.5).toLocaleString('de-CH')`, `(1234.5).toLocaleString('es-MX')`, `(1234.5).toLocaleString('pt-PT')`,
  `['a10', 'a9', 'a1'].sort(new Intl.Collator('en', { numeric: true }).compare).join()`, `new Intl.Collator('en', { sensitivity: 'base' }).compare('a', 'Ä')`,
  `new Intl.Collator('en', { sensitivity: 'accent' }).compare('a', 'A')`, `'a'.localeCompare('b')`, `'résumé'.localeCompare('resume')`, `'a'.localeCompare('A')`,
  `Intl.getCanonicalLocales(['EN-us', 'zh-hans-cn', 'iw']).join()`, `Intl.NumberFormat.supportedLocalesOf(['de', 'en-US']).join()`,
  `new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' }).resolvedOptions().maximumFractionDigits`,
  `new Intl.DateTimeFormat('en', { timeZone: 'europe/paris' }).resolvedOptions().timeZone`,
  `JSON.stringify(new Intl.DateTimeFormat('en-US', { timeZone: 'UTC' }).resolvedOptions())`,
  `JSON.stringify(new Intl.DateTimeFormat('de', { timeZone: 'UTC', hour: 'numeric', minute: 'numeric', weekday: 'long' }).resolvedOptions())`,
  `JSON.stringify(new Intl.PluralRules('en', { type: 'ordinal' }).resolvedOptions().pluralCategories)`,
  `new Date(Date.UTC(2024, 6, 1, 12)).toLocaleString('en-US', { timeZone: 'America/Los_Angeles', timeZoneName: 'short' })`,
  `new Date(Date.UTC(2024, 0, 1, 0, 30)).toLocaleTimeString('en-US', { timeZone: 'UTC' })`, `new Date(NaN).toLocaleString()`,
  `new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', hourCycle: 'h23', hour: 'numeric', minute: '2-digit' }).format(new Date(Date.UTC(2024, 0, 1, 0, 30)))`,
  `[...new Intl.Segmenter('en').segment('e\\u0301\\ud83d\\udc68\\u200d\\ud83d\\udc69\\u200d\\ud83d\\udc67\\ud83c\\uddeb\\ud83c\\uddf7\\r\\n한')].map((s) => s.index).join()`,
  `new Intl.Segmenter('en').segment('abc').containing(1).segment`, `Object.prototype.toString.call(Intl) + Object.prototype.toString.call(new Intl.NumberFormat())`,
  `Intl.NumberFormat.name + Intl.NumberFormat.length + (Intl.NumberFormat() instanceof Intl.NumberFormat)`,
  `new Intl.ListFormat('es').format(['Ana', 'Inés'])`,
);
writeFileSync(new URL('cases.json', import.meta.url), `[\n${cases.map((c) => JSON.stringify([c, String((0, eval)(c))])).join(',\n')}\n]\n`);
