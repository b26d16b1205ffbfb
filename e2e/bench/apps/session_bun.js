// The same by hand on bun, with its own client of Redis: a random id in a cookie, and JSON under it.
import { RedisClient } from "bun";

const client = new RedisClient("redis://127.0.0.1:" + process.env.REDIS_PORT);
await client.connect();

async function open(request) {
  const id = request.cookies.get("sid") ?? crypto.randomUUID() + crypto.randomUUID();
  const text = await client.get("session:" + id);
  return { id, data: text ? JSON.parse(text) : {} };
}

async function save(request, s) {
  await client.set("session:" + s.id, JSON.stringify(s.data));
  await client.expire("session:" + s.id, 1800);
  request.cookies.set("sid", s.id, { httpOnly: true, sameSite: "lax" });
}

Bun.serve({
  port: Number(process.env.PORT),
  hostname: "127.0.0.1",
  routes: {
    "/plain": () => new Response("plain"),
    "/read": async (request) => new Response("n " + (await open(request)).data.n),
    "/inc": async (request) => {
      const s = await open(request);
      s.data.n = (s.data.n ?? 0) + 1;
      await save(request, s);
      return new Response("n " + s.data.n);
    },
    "/get": async () => new Response(await client.get("key")),
    "/put": async () => {
      await client.set("key", "value");
      return new Response("value");
    },
  },
});
