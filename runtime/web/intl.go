package web

import (
	"embed"
	"regexp"
	"strconv"
	"strings"

	"github.com/dop251/goja"
	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Intl (ECMA-402) is JavaScript of ours over the tables in intl/, which intl/generate.mjs took from CLDR: the locales that
// have a file there, and others of their languages by the closest. Plural rules, collation and letter case are those of
// golang.org/x/text; time zones those of Go.
//
// Not covered: other locales (the next requested one is taken, then en-US), calendars but the Gregorian, numbering
// systems but the locale's own and latn, formatRange, rounding modes and increments, dayPeriod in words, names of time
// zones but UTC and the North American ones in English (an offset is shown), units and currency names beyond those of
// generate.mjs (a currency shows its code), ignorePunctuation and caseFirst of Collator, Segmenter but by grapheme,
// DisplayNames, DurationFormat and Locale.

//go:embed intl_*.js
var intlFiles embed.FS

//go:embed intl/*.json
var intlTables embed.FS

//go:embed intl_methods.js
var intlMethodsSource string

var (
	intlProgram        = assembled("intl", intlFiles, "core", "number", "date", "words", "text")
	intlMethodsProgram = compiled("fortuna:intl-methods", &intlMethodsSource)
)

// intlKit holds the functions of the program in one VM, and Intl itself.
var intlKit = conceal("fortuna.intl")

func init() {
	intlKit.scripted = func(r *Realm) *goja.Object {
		kit, err := r.run(intlProgram())(goja.Undefined(), r.intlHost())
		must(err)
		return kit.(*goja.Object)
	}
	expose("Intl").scripted = func(r *Realm) *goja.Object { return r.class(intlKit).constructor.Get("Intl").(*goja.Object) }
}

// localeMethods replaces toLocaleString, localeCompare and the like; Intl is built when one of them is called.
func (r *Realm) localeMethods() {
	kit := r.VM.ToValue(func(goja.FunctionCall) goja.Value { return r.class(intlKit).constructor })
	_, err := r.run(intlMethodsProgram())(goja.Undefined(), kit)
	must(err)
}

// intlHost is what the program may use of Go.
func (r *Realm) intlHost() *goja.Object {
	host := r.VM.NewObject()
	lend := func(name string, f func(c goja.FunctionCall) goja.Value) { must(host.Set(name, f)) }
	str := func(c goja.FunctionCall, i int) string { return c.Argument(i).String() }
	orUndefined := func(s string, ok bool) goja.Value {
		if !ok {
			return goja.Undefined()
		}
		return r.VM.ToValue(s)
	}

	lend("canonical", func(c goja.FunctionCall) goja.Value { return orUndefined(canonicalLocale(str(c, 0))) })
	lend("find", func(c goja.FunctionCall) goja.Value { return orUndefined(localeTable(str(c, 0))) })
	lend("table", func(c goja.FunctionCall) goja.Value {
		b, err := intlTables.ReadFile("intl/" + str(c, 0) + ".json")
		must(err)
		return r.VM.ToValue(string(b))
	})
	lend("plural", func(c goja.FunctionCall) goja.Value {
		rules := plural.Cardinal
		if c.Argument(1).ToBoolean() {
			rules = plural.Ordinal
		}
		return r.VM.ToValue(pluralCategory(rules, str(c, 0), str(c, 2), str(c, 3)))
	})
	lend("collator", func(c goja.FunctionCall) goja.Value {
		compare := newCollator(str(c, 0), str(c, 1), c.Argument(2).ToBoolean())
		return r.VM.ToValue(func(c goja.FunctionCall) goja.Value {
			return r.VM.ToValue(compare(str(c, 0), str(c, 1)))
		})
	})
	lend("zone", func(c goja.FunctionCall) goja.Value {
		name := "" // the node's own
		if v := c.Argument(0); !goja.IsUndefined(v) {
			if name = v.String(); name == "" {
				return goja.Undefined()
			}
		}
		z := findZone(name)
		if z == nil {
			return goja.Undefined()
		}
		o := r.VM.NewObject()
		must(o.Set("name", z.name))
		must(o.Set("offset", func(c goja.FunctionCall) goja.Value { _, s := z.at(c.Argument(0).ToInteger()); return r.VM.ToValue(s) }))
		must(o.Set("abbreviation", func(c goja.FunctionCall) goja.Value { n, _ := z.at(c.Argument(0).ToInteger()); return r.VM.ToValue(n) }))
		return o
	})
	lend("graphemes", func(c goja.FunctionCall) goja.Value {
		var ends []any
		for _, end := range graphemes(c.Argument(0).ToString().(goja.String)) {
			ends = append(ends, end)
		}
		return r.VM.NewArray(ends...)
	})
	lend("upper", func(c goja.FunctionCall) goja.Value {
		return r.VM.ToValue(cases.Upper(language.Make(str(c, 1))).String(str(c, 0)))
	})
	lend("lower", func(c goja.FunctionCall) goja.Value {
		return r.VM.ToValue(cases.Lower(language.Make(str(c, 1))).String(str(c, 0)))
	})
	return host
}

// localeBytesMax is more than any language tag needs.
const localeBytesMax = 128

var localeSyntax = regexp.MustCompile(`^([A-Za-z]{2,3}|[A-Za-z]{5,8})(-[0-9A-Za-z]{1,8})*$`)

// canonicalLocale is a language tag in its canonical form (BCP 47, "en-us" is en-US), or not one.
func canonicalLocale(tag string) (string, bool) {
	if len(tag) > localeBytesMax || !localeSyntax.MatchString(tag) {
		return "", false
	}
	t, err := (language.DeprecatedBase | language.DeprecatedRegion).Parse(tag)
	if _, unknown := err.(language.ValueError); unknown {
		return canonicalCase(tag), true // well-formed, with a subtag that nobody has registered
	}
	return t.String(), err == nil
}

func canonicalCase(tag string) string {
	parts := strings.Split(strings.ToLower(tag), "-")
	for i, p := range parts[1:] {
		switch len(p) {
		case 1:
			return strings.Join(parts, "-") // extensions are in lower case
		case 2:
			parts[i+1] = strings.ToUpper(p)
		case 4:
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}

// localeNeighbours are locales without a table that are closer to another than to that of their language.
var localeNeighbours = map[string]string{
	"en-NZ": "en-AU", "en-IE": "en-GB", "en-ZA": "en-GB", "en-HK": "en-GB", "en-SG": "en-GB", "en-MT": "en-GB",
	"es-AR": "es-MX", "es-CO": "es-MX", "es-CL": "es-MX", "es-PE": "es-MX", "es-US": "es-MX", "es-419": "es-MX",
	"pt-AO": "pt-PT", "pt-MZ": "pt-PT", "de-LI": "de-CH", "zh-Hant": "zh-TW", "zh-Hant-TW": "zh-TW", "zh-HK": "zh-TW",
	"zh-Hant-HK": "zh-TW", "zh-MO": "zh-TW",
}

// localeTable is the name of the table that serves a canonical tag.
func localeTable(tag string) (name string, ok bool) {
	if near := localeNeighbours[tag]; near != "" {
		return near, true
	}
	for name = tag; ; {
		if f, err := intlTables.Open("intl/" + name + ".json"); err == nil {
			_ = f.Close() // a file of the binary
			return name, true
		}
		i := strings.LastIndexByte(name, '-')
		if i < 0 {
			return "", false
		}
		name = name[:i]
	}
}

var pluralForms = map[plural.Form]string{
	plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many",
}

// pluralCategory is the category of a number as it is written: its integer digits and those of its fraction.
func pluralCategory(rules *plural.Rules, locale, integer, fraction string) string {
	i := truncated(integer)
	visible := strings.TrimRight(fraction, "0")
	return pluralForms[rules.MatchPlural(language.Make(locale), i, len(fraction), len(visible), truncated(fraction), truncated(visible))]
}

// truncated is a number of many digits as plural rules want it: modulo ten million, and no less when it is more.
func truncated(digits string) int {
	const most = 7
	digits = strings.TrimLeft(digits, "0")
	more := 0
	if len(digits) > most {
		digits, more = digits[len(digits)-most:], 10_000_000
	}
	n, _ := strconv.Atoi(digits) // no digits are 0
	return n + more
}

// newCollator is the order of a locale: negative, 0 or positive. It is for one goroutine.
func newCollator(locale, sensitivity string, numeric bool) func(a, b string) int {
	var options []collate.Option
	switch sensitivity {
	case "base":
		options = append(options, collate.Loose)
	case "accent":
		options = append(options, collate.IgnoreCase)
	case "case":
		options = append(options, collate.IgnoreDiacritics)
	}
	if numeric {
		options = append(options, collate.Numeric)
	}
	return collate.New(language.Make(locale), options...).CompareString
}
