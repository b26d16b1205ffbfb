export default {
  fetch(request, env) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/":
        return new Response(`${env.GREETING} from fortuna\n`);
      case "/json":
        return Response.json({ greeting: env.GREETING, name: url.searchParams.get("name") ?? "world" });
      default:
        return new Response("Not found\n", { status: 404 });
    }
  },
};
