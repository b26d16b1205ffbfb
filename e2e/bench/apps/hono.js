import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";

const app = new Hono();

app.use("/users/*", async (c, next) => {
  await next();
  c.header("x-served-by", "hono");
});

app.get("/", (c) => c.text("Hello Hono!"));

app.get("/users/:id", (c) => {
  setCookie(c, "seen", c.req.param("id"), { path: "/", httpOnly: true });
  return c.json({ id: c.req.param("id"), tab: c.req.query("tab"), theme: getCookie(c, "theme") });
});

app.get("/rows", (c) => {
  const rows = [];
  for (let i = 1; i <= 50; i++) {
    rows.push(html`<tr><td>${i}</td><td>${"row <" + i + ">"}</td></tr>`);
  }
  return c.html(html`<table>${rows}</table>`);
});

export default app;
