// A page that tries what browsers do with a server, and the server it tries. Each check adds a line; the title says when all
// are done.
const page = `<!doctype html><meta charset="utf-8"><title>busy</title><body style="font: 16px sans-serif"><h1>What a browser does</h1><ul id="out"></ul><script type="module">
const say = (name, ok, detail) => { const li = document.createElement('li'); li.textContent = (ok ? 'ok ' : 'FAILED ') + name + (ok ? '' : ': ' + detail); out.append(li) };
const check = async (name, f, want) => { try { const got = await f(); say(name, got === want, JSON.stringify(got)) } catch (e) { say(name, false, e) } };

await check('a form with a file of 300 kB', async () => {
  const form = new FormData();
  form.set('name', 'Zoë');
  form.set('file', new File([new Uint8Array(300_000).fill(7)], 'sevens.bin', { type: 'application/x-sevens' }));
  return (await fetch('/form', { method: 'POST', body: form })).text();
}, 'Zoë sevens.bin application/x-sevens 300000 true');

await check('server-sent events, resumed where they ended', () => new Promise((resolve, reject) => {
  const got = [];
  const events = new EventSource('/events');
  events.onmessage = (e) => { got.push(e.lastEventId + e.data); if (got.length === 6) { events.close(); resolve(got.join()) } };
  setTimeout(() => reject(new Error('only ' + got)), 20_000);
}), '1a,2b,3c,4a,5b,6c');

await check('a response that is read as it comes', async () => {
  const reader = (await fetch('/slow')).body.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  let rest = '';
  for (let r; !(r = await reader.read()).done;) rest += new TextDecoder().decode(r.value);
  return first + '|' + rest;
}, 'first|second');

await check('cookies', async () => {
  await fetch('/cookie', { method: 'POST' });
  return (await fetch('/cookie')).text();
}, 'seen 1');

await check('a fetch that is given up', async () => {
  const c = new AbortController();
  const got = fetch('/never', { signal: c.signal }).catch((e) => e.name);
  setTimeout(() => c.abort(), 100);
  return got;
}, 'AbortError');

await check('a WebSocket: text, bytes and how it ends', () => new Promise((resolve, reject) => {
  const got = [];
  const ws = new WebSocket(location.origin.replace('http', 'ws') + '/socket', 'chat');
  ws.binaryType = 'arraybuffer';
  ws.onopen = () => { ws.send('Zoë'); ws.send(new Uint8Array([1, 2, 3])); ws.send('x'.repeat(200_000)) };
  ws.onmessage = (e) => {
    got.push(typeof e.data === 'string' ? (e.data.length > 99 ? e.data.length : e.data) : [...new Uint8Array(e.data)].join(''));
    if (got.length === 4) ws.send('end');
  };
  ws.onclose = (e) => resolve([...got, ws.protocol, e.code, e.reason, e.wasClean].join());
  setTimeout(() => reject(new Error('only ' + got)), 20_000);
}), 'welcome,Zoë,123,200000,chat,4001,that is all,true');
if (location.protocol === 'https:') { // browsers stream uploads by HTTP/2 only
  await check('HTTP/2', async () => performance.getEntriesByType('navigation')[0].nextHopProtocol, 'h2');
  await check('an upload that is made as it is sent', async () => {
    let n = 0;
    const body = new ReadableStream({ async pull(c) {
      if (n++ === 20) return c.close();
      c.enqueue(new Uint8Array(40_000).fill(n));
      await new Promise((resolve) => setTimeout(resolve, 5));
    } });
    return (await fetch('/upload', { method: 'POST', body, duplex: 'half' })).text();
  }, '800000 8400000');
}
document.title = 'done';
</script>`;

const bytes = (text) => new TextEncoder().encode(text);
const send = (chunks) => new Response(new ReadableStream({
  pull(c) { const next = chunks.shift(); if (next) c.enqueue(bytes(next)); else c.close(); },
}), { headers: { "content-type": "text/event-stream" } });

export default { websocket: {
  open(ws) { ws.send("welcome"); },
  message(ws, m) { if (m === "end") ws.close(4001, "that is all"); else ws.send(m); },
}, routes: {
  "/socket": (request, env, ctx) => ctx.upgrade(request, { headers: { "Sec-WebSocket-Protocol": "chat" } }) ? undefined : new Response(null, { status: 426 }),
  "/": () => new Response(page, { headers: { "content-type": "text/html" } }),
  "/form": { async POST(request) {
    const form = await request.formData(), file = form.get("file");
    const bytes = new Uint8Array(await file.arrayBuffer());
    let sevens = true;
    for (let i = 0; i < bytes.length; i += 1000) sevens &&= bytes[i] === 7; // all of them would take much of the CPU budget
    return new Response([form.get("name"), file.name, file.type, file.size, sevens].join(" "));
  } },
  "/upload": async (request) => {
    let bytes = 0, sum = 0;
    for await (const chunk of request.body) {
      for (let i = (1000 - bytes % 1000) % 1000; i < chunk.length; i += 1000) sum += chunk[i] * 1000; // every thousandth byte
      bytes += chunk.length;
    }
    return new Response(bytes + " " + sum);
  },
  "/events": (request) => {
    const last = Number(request.headers.get("last-event-id") ?? 0);
    return send(["retry: 50\n\n", ..."abc"].map((d, i) => i ? `id: ${last + i}\ndata: ${d}\n\n` : d));
  },
  "/cookie": {
    POST(request) { request.cookies.set("seen", "1"); return new Response(); },
    GET: (request) => new Response("seen " + request.cookies.get("seen")),
  },
  "/slow": () => new Response(new ReadableStream({
    async pull(c) {
      c.enqueue(bytes("first"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      c.enqueue(bytes("second"));
      c.close();
    },
  })),
  "/never": () => new Promise(() => {}),
} };
