// What a session costs on fortuna: nothing, a read, an update that is durable before the answer leaves; and keys and values.
export default {
  routes: {
    "/plain": () => new Response("plain"),
    "/ctx": (request, env, ctx) => new Response("n " + (ctx ? 1 : 0)),
    "/read": (request, env, ctx) => new Response("n " + ctx.session.get("n")),
    "/inc": (request, env, ctx) => new Response("n " + ctx.session.inc("n")),
    "/now": async (request, env, ctx) => {
      ctx.session.inc("n");
      await ctx.session.save();
      return new Response("n " + ctx.session.get("n"));
    },
    "/get": async (request, env) => new Response(await env.KV.get("key")),
    "/put": async (request, env) => {
      await env.KV.put("key", "value");
      return new Response("value");
    },
  },
};
