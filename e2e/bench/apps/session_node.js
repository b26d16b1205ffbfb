// The same with express-session and its store for Redis, as their READMEs have it.
import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";

const client = createClient({ url: "redis://127.0.0.1:" + process.env.REDIS_PORT });
await client.connect();
const app = express();
app.get("/plain", (request, response) => response.send("plain"));
app.use(session({ store: new RedisStore({ client }), secret: "a secret of this bench", resave: false, saveUninitialized: false }));
app.get("/read", (request, response) => response.send("n " + request.session.n));
app.get("/inc", (request, response) => {
  request.session.n = (request.session.n ?? 0) + 1;
  response.send("n " + request.session.n);
});
app.get("/get", async (request, response) => response.send(await client.get("key")));
app.get("/put", async (request, response) => {
  await client.set("key", "value");
  response.send("value");
});
app.listen(Number(process.env.PORT), "127.0.0.1");
