/** @jsxImportSource hono/jsx */
import { Hono } from "hono"
import { basicAuth } from "hono/basic-auth"
import { bodyLimit } from "hono/body-limit"
import { cache } from "hono/cache"
import { getCookie, setCookie, deleteCookie } from "hono/cookie"
import { cors } from "hono/cors"
import { etag } from "hono/etag"
import { HTTPException } from "hono/http-exception"
import { secureHeaders } from "hono/secure-headers"
import { stream, streamText } from "hono/streaming"
import { validator } from "hono/validator"
import { html } from "hono/html"

type Item = { id: number; name: string }

const app = new Hono()
app.use("*", secureHeaders())
app.use("/cors/*", cors({ origin: "https://example.com", allowMethods: ["GET", "POST"] }))
app.use("/etag/*", etag())
app.use("/private/*", basicAuth({ username: "ada", password: "secret" }))

app.get("/", (c) => c.text("Hello Hono!"))
app.get("/json", (c) => c.json({ hello: "world", n: 1.5, list: [1, "two", null, true], nested: { é: "ü" } }))
app.get("/users/:id", (c) => c.json({ id: c.req.param("id") }))
app.get("/users/:id/posts/:post{[0-9]+}", (c) => c.json(c.req.param()))
app.get("/query", (c) => c.json({ q: c.req.query("q"), all: c.req.queries("tag"), every: c.req.query() }))
app.get("/headers", (c) => c.json({ ua: c.req.header("x-custom"), missing: c.req.header("x-none") ?? null }))
app.post("/echo", async (c) => c.json(await c.req.json()))
app.post("/text", async (c) => c.text((await c.req.text()).toUpperCase()))
app.post("/bytes", async (c) => c.body(new Uint8Array(await c.req.arrayBuffer()).reverse()))
app.post("/form", async (c) => {
  const body = await c.req.parseBody({ all: true })
  return c.json(Object.fromEntries(Object.entries(body).map(([k, v]) => [k, v instanceof File ? [v.name, v.type, v.size] : v])))
})
app.get("/cookies", (c) => {
  setCookie(c, "seen", "yes", { path: "/", httpOnly: true, maxAge: 60, sameSite: "Lax" })
  deleteCookie(c, "old")
  return c.json(getCookie(c))
})
app.get("/html", (c) =>
  c.html(
    <html>
      <body>
        <table>
          {Array.from({ length: 50 }, (_, i): Item => ({ id: i, name: `Item <${i}> & "more"` })).map((item) => (
            <tr class={item.id % 2 ? "odd" : "even"}>
              <td>{item.id}</td>
              <td>{item.name}</td>
            </tr>
          ))}
        </table>
      </body>
    </html>,
  ),
)
app.get("/tagged", (c) => c.html(html`<p>${"<escaped>"} ${[1, 2].map((n) => html`<b>${n}</b>`)}</p>`))
app.get("/throw", () => {
  throw new Error("boom")
})
app.get("/http-exception", () => {
  throw new HTTPException(418, { message: "short and stout" })
})
app.get("/redirect", (c) => c.redirect("/json", 301))
app.get("/empty", (c) => c.body(null, 204))
app.get("/status", (c) => c.text("made", 201, { "x-made": "1" }))
app.get("/stream", (c) =>
  stream(c, async (s) => {
    for (let i = 0; i < 3; i++) await s.write(`part ${i}\n`)
  }),
)
app.get("/stream-text", (c) =>
  streamText(c, async (s) => {
    await s.writeln("one")
    await s.sleep(1)
    await s.write("two")
  }),
)
app.get("/cors/data", (c) => c.text("shared"))
app.get("/etag/data", (c) => c.text("tagged"))
app.get("/private/data", (c) => c.text("for ada"))
app.get("/wild/*", (c) => c.text(c.req.path))
app.get("/optional/:name?", (c) => c.text(c.req.param("name") ?? "nobody"))
app.post("/limited", bodyLimit({ maxSize: 8, onError: (c) => c.text("too large", 413) }), async (c) => c.text(await c.req.text()))
app.post(
  "/validated",
  validator("json", (value, c) => (typeof value.name === "string" ? { name: value.name } : c.text("name must be a string", 400))),
  (c) => c.json({ ok: c.req.valid("json").name }),
)
app.all("/any", (c) => c.text(c.req.method))
app.on(["PUT", "DELETE"], "/on", (c) => c.text(`on ${c.req.method}`))
app.get("/async", async (c) => {
  const results = await Promise.all([1, 2, 3].map(async (n) => n * 2))
  return c.json({ results })
})
app.get("/url", (c) => {
  const u = new URL(c.req.url)
  return c.json({ path: u.pathname, search: u.search, params: [...u.searchParams] })
})
app.get("/digest", async (c) => {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("fortuna"))
  return c.text([...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, "0")).join(""))
})
app.get("/base64", (c) => c.text(btoa("fortuna") + atob("Zm9ydHVuYQ==")))

const admin = new Hono().basePath("/admin")
admin.get("/panel", (c) => c.text("panel"))
app.route("/", admin)

app.notFound((c) => c.json({ error: "no such page", path: c.req.path }, 404))
app.onError((err, c) => (err instanceof HTTPException ? err.getResponse() : c.text(`caught: ${err.message}`, 500)))

export default app
