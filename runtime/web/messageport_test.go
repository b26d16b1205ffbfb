package web

import "testing"

func TestMessageChannel(t *testing.T) {
	expect(t, [][2]string{
		{`const {port1, port2} = new MessageChannel, got = []; return await new Promise(r => { port2.onmessage = e => { got.push(e.data.a); if (got.length === 2) r(got.join()) }; port1.postMessage({a: 1}); port1.postMessage({a: 2}) })`, "1,2"},
		{`const {port1, port2} = new MessageChannel; port1.postMessage(1); return await new Promise(r => { port2.addEventListener('message', e => r(e.data)); port2.start() })`, "1"},
		{`const a = new MessageChannel, b = new MessageChannel; a.port1.postMessage('p', [b.port2]); const port = await new Promise(r => { a.port2.onmessage = e => r(e.ports[0]) }); b.port1.postMessage('through'); return await new Promise(r => { port.onmessage = e => r(e.data) })`, "through"},
		{`const c = new MessageChannel; c.port1.postMessage(() => {})`, "throws DataCloneError: postMessage: function..."},
		{`const c = new MessageChannel; c.port1.postMessage(1, [c.port1])`, "throws DataCloneError: postMessage: a port cannot..."},
		{`const c = new MessageChannel; let n = 0; c.port2.onmessage = () => n++; c.port1.close(); c.port1.postMessage(1); await new Promise(r => setTimeout(r, 5)); return n`, "0"},
		{`const c = new MessageChannel; return c.port1 === c.port1 && c.port1 instanceof EventTarget`, "true"},
	})
}
