package web

import "testing"

func TestFileReader(t *testing.T) {
	const read = `const f = new FileReader, s = []; for (const k of ['loadstart', 'progress', 'load', 'loadend', 'abort']) f.addEventListener(k, e => s.push(k)); const end = new Promise(r => f.onloadend = r); `
	expect(t, [][2]string{
		{read + `f.readAsText(new Blob(['é'])); const e = await end; return [f.result, f.readyState, e.loaded, e.total, s].join()`, "é,2,2,2,loadstart,progress,load,loadend"},
		{read + `f.readAsText(new Blob(['\xe9']), 'nonsense'); await end; return f.result`, "é"},
		{read + `f.readAsText(new Blob([new Uint8Array([0xe9])]), 'windows-1252'); await end; return f.result`, "é"},
		{read + `f.readAsText(new Blob([new Uint8Array([0xe9])], {type: 'text/plain; charset=latin1'})); await end; return f.result`, "é"},
		{read + `f.readAsArrayBuffer(new Blob(['ab'])); await end; return f.result.byteLength`, "2"},
		{read + `f.readAsBinaryString(new Blob([new Uint8Array([0, 255])])); await end; return f.result === '\0\xff'`, "true"},
		{read + `f.readAsDataURL(new Blob(['ab'], {type: 'text/x'})); await end; return f.result`, "data:text/x;base64,YWI="},
		{read + `f.readAsText(new Blob(['a'])); f.abort(); await end; await new Promise(r => setTimeout(r, 5)); return [f.result, s].join()`, ",abort,loadend"},
		{`const f = new FileReader; f.readAsText(new Blob); f.readAsText(new Blob)`, "throws InvalidStateError: FileReader: a read is under way..."},
		{`new FileReader().readAsText('x')`, "throws TypeError: FileReader.readAsText: the argument must be a Blob..."},
		{`return FileReader.DONE + String(new FileReader().result)`, "2null"},
	})
}
