export default {
  async fetch(request) {
    if (new URL(request.url).pathname === "/slow") await new Promise((done) => setTimeout(done, 10_000));
    return new Response("done");
  },
};
