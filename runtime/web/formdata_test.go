package web

import "testing"

func TestFormData(t *testing.T) {
	expect(t, [][2]string{
		{`const f = new FormData; f.append('a', 1); f.append('b', 2); f.append('a', 3); return JSON.stringify([f.get('a'), f.getAll('a'), f.has('b'), f.get('x'), f.getAll('x'), [...f]])`,
			`["1",["1","3"],true,null,[],[["a","1"],["b","2"],["a","3"]]]`},
		{`const f = new FormData; f.append('a', 1); f.append('b', 2); f.append('a', 3); f.set('a', 4); f.set('c', 5); f.delete('b'); return [...f].join(';')`, "a,4;c,5"},
		{`const f = new FormData; f.append('a', new Blob(['x'], {type: 'text/x'})); const v = f.get('a'); return [v instanceof File, v.name, v.type, v.size, v === f.get('a')].join()`, "true,blob,text/x,1,true"},
		{`const f = new FormData, file = new File([], 'n'); f.append('a', file); f.append('b', file, 'm'); return [f.get('a') === file, f.get('b') === file, f.get('b').name].join()`, "true,false,m"},
		{`new FormData().append('a', 'b', 'c')`, "throws TypeError: FormData.append: a file name needs a Blob..."},
		{`new FormData({})`, "throws TypeError: FormData: there are no form elements here..."},
		{`new FormData().append('a')`, "throws TypeError: append: 2 argument(s) required, but only 1 present"},
		{`const f = new FormData; f.append('a', 1); let s = ''; for (const [k] of f) { s += k; if (s.length < 3) f.append('b', 1) } return s`, "abb"},
		{`const f = new FormData; f.append('\ud800', '\udc00'); return [...f].join() === '\ufffd,\ufffd'`, "true"},
	})
}
