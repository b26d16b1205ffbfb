package web

import "testing"

func TestBlob(t *testing.T) {
	expect(t, [][2]string{
		{`return await new Blob(['a', new Uint8Array([98]), new Blob(['c']), new Uint8Array([100]).buffer, 5]).text()`, "abcd5"},
		{`return new Blob(['é']).size`, "2"},
		{`return new Blob(['\ud800']).size`, "3"},
		{`return new Blob().size + new Blob(undefined, undefined).type`, "0"},
		{`return new Blob([], {type: 'Text/PLAIN'}).type + new Blob([], {type: 'a\u00e9'}).type`, "text/plain"},
		{`return await new Blob(['abcdef']).slice(1, -2).text()`, "bcd"},
		{`return await new Blob(['abcdef']).slice(-2).text() + new Blob(['abc']).slice(2, 1).size`, "ef0"},
		{`return await new Blob(['abc']).slice(0, Infinity, 'A/B').type`, "a/b"},
		{`return JSON.stringify(await new Blob(['a\r\nb\rc\n'], {endings: 'native'}).text())`, `"a\nb\nc\n"`},
		{`return JSON.stringify(await new Blob(['a\r\n'], {endings: 'transparent'}).text())`, `"a\r\n"`},
		{`return [...await new Blob(['ab']).bytes()].join()`, "97,98"},
		{`const b = new Blob(['ab']); (await b.bytes())[0] = 120; return b.text()`, "ab"},
		{`const u = new Uint8Array([97]); const b = new Blob([u]); u[0] = 98; return b.text()`, "a"},
		{`return (await new Blob(['abc']).arrayBuffer()).byteLength`, "3"},
		{`let n = 0; const r = new Blob(['abc']).stream().getReader(); for (;;) { const {done, value} = await r.read(); if (done) return n; n += value.length }`, "3"},
		{`return await new Blob(new Set(['x', 'y'])).text()`, "xy"},
		{`new Blob('x')`, "throws TypeError: Blob: the parts must be an array or..."},
		{`new Blob({})`, "throws TypeError: Blob: the parts must be an array or..."},
		{`new Blob([], {endings: 'x'})`, `throws TypeError: Blob: endings must be...`},
		{`new Blob([], 1)`, "throws TypeError: Blob: the options must be an object..."},
		{`let b = new Blob(['x'.repeat(1e6)]); for (;;) b = new Blob([b, b])`, "throws RangeError: Blob: the parts are larger than 134217728 bytes..."},
		{`let got = false; new Blob([{get x() { got = true }}]); return got`, "false"},
	})
}

func TestFile(t *testing.T) {
	expect(t, [][2]string{
		{`const f = new File(['a'], 'n.txt', {type: 'text/plain', lastModified: 42}); return [f.name, f.type, f.lastModified, f.size, f instanceof Blob].join()`, "n.txt,text/plain,42,1,true"},
		{`return Math.abs(new File([], 'x').lastModified - Date.now()) < 60000`, "true"},
		{`return new File([], 'x', {lastModified: new Date(7)}).lastModified`, "7"},
		{`return String(new File(['abc'], 'x').slice(1))`, "[object Blob]"},
		{`new File([])`, "throws TypeError: File: 2 argument(s) required..."},
		{`Object.getOwnPropertyDescriptor(File.prototype, 'name').get.call(new Blob)`, "throws TypeError: name: illegal invocation..."},
	})
}
