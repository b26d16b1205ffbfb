// 251 is prime: a byte lost, doubled or moved cannot go unseen.
let pattern = "";
for (let i = 0; i < 251; i++) pattern += String.fromCharCode(32 + (i % 95));
const size = 32 << 20;

export default {
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/spin":
        for (;;) {}
      case "/big":
        return new Response(pattern.repeat(Math.ceil(size / pattern.length)).slice(0, size));
      default:
        return new Response("ok");
    }
  },
};
