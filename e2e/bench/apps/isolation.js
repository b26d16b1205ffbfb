export default {
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/spin":
        for (;;) {}
      default:
        return new Response("ok");
    }
  },
};
