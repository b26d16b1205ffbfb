package web

import (
	"bytes"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestTextEncoder(t *testing.T) {
	expect(t, [][2]string{
		{`return new TextEncoder().encode('aä\u{1f600}\ud800').join()`, "97,195,164,240,159,152,128,239,191,189"},
		{`return new TextEncoder().encode().length + new TextEncoder().encoding`, "0utf-8"},
		{`return new TextEncoder().encode('a') instanceof Uint8Array`, "true"},
		{`const b = new Uint8Array(6), r = new TextEncoder().encodeInto('a\u{1f600}ä', b); return JSON.stringify(r) + b.join()`,
			`{"read":3,"written":5}97,240,159,152,128,0`},
		{`new TextEncoder().encodeInto('a', new Uint8ClampedArray(1))`, "throws TypeError: TextEncoder.encodeInto: the second argument..."},
		{`new TextEncoder().encodeInto('a', {[Symbol.toStringTag]: 'Uint8Array'})`, "throws TypeError: TextEncoder.encodeInto: the second argument..."},
	})
}

func TestTextDecoder(t *testing.T) {
	expect(t, [][2]string{
		{`return new TextDecoder().decode(new Uint8Array([0xEF, 0xBB, 0xBF, 0x61, 0xFF]))`, "a\uFFFD"},
		{`return new TextDecoder('utf8', {ignoreBOM: true}).decode(new Uint8Array([0xEF, 0xBB, 0xBF, 0x61])).length`, "2"},
		{`return new TextDecoder().decode() + new TextDecoder().encoding`, "utf-8"},
		{`return new TextDecoder(' UTF-16 ').encoding + new TextDecoder('ascii').encoding`, "utf-16lewindows-1252"},
		{`return new TextDecoder('utf-16be').decode(new Uint16Array([0x6100]))`, "a"},
		{`return new TextDecoder().decode(new DataView(new Uint8Array([97, 98, 99]).buffer, 1, 1))`, "b"},
		{`new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([0x80]))`, "throws TypeError: TextDecoder.decode: the bytes are not valid utf-8"},
		{`new TextDecoder('nope')`, `throws RangeError: TextDecoder: "nope" is not the label of an encoding`},
		{`new TextDecoder('replacement')`, "throws RangeError: TextDecoder: ..."},
		{`new TextDecoder('utf-8\u00a0')`, "throws RangeError: TextDecoder: ..."},
		{`new TextDecoder('\u212aoi8-r')`, "throws RangeError: TextDecoder: ..."},
		{`new TextDecoder().decode('a')`, "throws TypeError: TextDecoder.decode: the first argument must be an ArrayBuffer or a view of one, got a string"},
		{`const d = new TextDecoder; return d.decode(new Uint8Array([0xF0, 0x9F]), {stream: true}) + d.decode(new Uint8Array([0x98]), {stream: true}) + d.decode(new Uint8Array([0x80, 97]))`, "\U0001F600a"},
		{`const d = new TextDecoder; return d.decode(new Uint8Array([0xEF, 0xBB]), {stream: true}) + d.decode(new Uint8Array([0xBF, 0x61])) + d.decode(new Uint8Array([0xF0]))`, "a\uFFFD"},
		{`const d = new TextDecoder('utf-8', {fatal: true}); try { d.decode(new Uint8Array([0xFF]), {stream: true}) } catch {} return d.decode(new Uint8Array([97]))`, "a"},
	})
}

func TestTextDecoder_legacy(t *testing.T) {
	for _, c := range []struct {
		label, bytes, want string
		fatal              bool
	}{
		{"latin1", "\x80\x81\xE9", "€\u0081é", false},
		{"iso-8859-2", "\x80\xA1", "\u0080Ą", false},
		{"windows-1253", "\xAA", "\uFFFD", true},
		{"x-user-defined", "\x80\xFF", "\uF780\uF7FF", false},
		{"gbk", "\x80\xA1\xAD\x81\x30\x81\x30", "€…\u0080", false},
		{"gb18030", "\x81\x35\xF4\x37\xA8\xBC\x84\x31\xA4\x37", "\uE7C7\u1E3F\uFFFD", false},
		{"gb18030", "\x81\x30\x81!", "\uFFFD0\uFFFD!", true},
		{"gb18030", "\xA6\xD9\xFE\xFE", "\uFE10\uE4C5", false},
		{"big5", "\x88\x62\x87\x40\x81a", "\u00CA\u0304䏰\uFFFDa", true},
		{"euc-kr", "\xB0\xA1\xB0!", "가\uFFFD!", true},
		{"euc-jp", "\x8E\xB1\x8F\xB0\xA1\xA4\xA2", "ｱ丂あ", false},
		{"shift_jis", "\x82\xA0\xB1\xF0\x40\x80", "あｱ\uE000\u0080", false},
		{"iso-2022-jp", "\x1B$B$\"\x1B(J\\\x1B(I1\x1B(Ba", "あ¥ｱa", false},
		{"iso-2022-jp", "\x1B(B\x1B(Ba\x1B$", "\uFFFDa\uFFFD$", true},
		{"utf-16le", "\x3D\xD8a\x00\x00\xDC\x3D", "\uFFFDa\uFFFD\uFFFD", true},
	} {
		e := findEncoding(c.label)
		got, ok := e.decoder().decode(nil, []byte(c.bytes), true)
		if string(got) != c.want || ok == c.fatal {
			t.Errorf("%s % X: %q, %v; want %q, %v", c.label, c.bytes, got, ok, c.want, !c.fatal)
		}
	}
}

func TestDecodeUTF8(t *testing.T) {
	for _, c := range [][2]string{
		{"\xEF\xBB\xBF\xEF\xBB\xBFa", "\uFEFFa"},
		{"\xF0\x9F\x98a", "\uFFFDa"},
		{"\xE0\x80a", "\uFFFD\uFFFDa"},
		{"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
		{"\xF4\x90\xC0", "\uFFFD\uFFFD\uFFFD"},
		{"\xF1\x80\x80\xE1\x80\xC2b\x80", "\uFFFD\uFFFD\uFFFDb\uFFFD"},
	} {
		if got := decodeUTF8([]byte(c[0])); got != c[1] {
			t.Errorf("% X: %q, want %q", c[0], got, c[1])
		}
	}
}

func TestBase64(t *testing.T) {
	expect(t, [][2]string{
		{`return btoa('\u00ff\u0000a')`, "/wBh"},
		{`return atob(' /w\tBh ').charCodeAt(0)`, "255"},
		{`return atob('YQ') + atob('YQ==') + atob('YR') + atob(null).length`, "aaa3"},
		{`btoa('\u0100')`, "throws InvalidCharacterError: btoa: character 'Ā' is not a byte..."},
		{`btoa('\ud800')`, "throws InvalidCharacterError: ..."},
		{`btoa()`, "throws TypeError: btoa: 1 argument(s) required..."},
		{`atob('a')`, "throws InvalidCharacterError: atob: the string is not valid base64"},
		{`atob('YQ=')`, "throws InvalidCharacterError: ..."},
		{`atob('YQ===')`, "throws InvalidCharacterError: ..."},
		{`atob('Y\u00a0Q')`, "throws InvalidCharacterError: ..."},
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("a\xF0\x9F\x98\x80\xE2\x82"), 3)
	f.Add([]byte("\x1B$B$\"\x1B(J\\"), 2)
	f.Add([]byte("\x81\x30\x81\x30\x8F\xA1\xA1\xFF"), 1)
	var all []*encoding
	for _, label := range []string{
		"utf-8", "utf-16le", "utf-16be", "latin1", "windows-1255", "big5", "euc-jp", "euc-kr", "gbk", "gb18030", "iso-2022-jp", "shift_jis",
	} {
		all = append(all, findEncoding(label))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		cut = int(uint(cut) % uint(len(b)+1))
		for _, e := range all {
			whole, ok := e.decoder().decode(nil, b, true)
			d := e.decoder()
			parts, first := d.decode(nil, b[:cut], false)
			parts, second := d.decode(parts, b[cut:], true)
			if !bytes.Equal(whole, parts) || ok != (first && second) {
				t.Fatalf("%s % X cut at %d: %q (%v), whole %q (%v)", e.name, b, cut, parts, first && second, whole, ok)
			}
			if !utf8.Valid(whole) {
				t.Fatalf("%s % X: %q is not well-formed", e.name, b, whole)
			}
			if e.name == "utf-8" && ok != utf8.Valid(b) {
				t.Fatalf("% X: valid %v", b, ok)
			}
			if e.name == "utf-16be" {
				var units []uint16
				for i := 0; i+1 < len(b); i += 2 {
					units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
				}
				want := string(utf16.Decode(units))
				if len(b)%2 == 0 && want != string(whole) {
					t.Fatalf("% X: %q, want %q", b, whole, want)
				}
			}
		}
	})
}
