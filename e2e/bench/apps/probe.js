// 251 is prime: a byte lost, doubled or moved cannot go unseen.
let pattern = "";
for (let i = 0; i < 251; i++) pattern += String.fromCharCode(32 + (i % 95));
const size = 32 << 20;
// Made once: writing 64 MB takes most of the CPU budget of a request on a small machine.
const big = pattern.repeat(Math.ceil(size / pattern.length)).slice(0, size);

export default {
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/big":
        return new Response(big);
      default:
        return new Response("ok");
    }
  },
};
