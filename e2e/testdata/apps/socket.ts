import { Hono } from "hono"
import { upgradeWebSocket } from "hono/cloudflare-workers"

const app = new Hono()
app.get("/hono", upgradeWebSocket((c) => {
  const name = c.req.query("name")
  return {
    onMessage(event, ws) { ws.send(`${name} said ${event.data}`) },
    onClose(event) { console.log("closed", event.code) },
  }
}))
app.get("/plain", (c) => c.text("plain"))

export default {
  fetch(request: Request, env: unknown, ctx: any) {
    const url = new URL(request.url)
    if (url.pathname !== "/room") return app.fetch(request, env as any, ctx)
    if (!ctx.upgrade(request, { data: { name: url.searchParams.get("name") }, headers: { "Sec-WebSocket-Protocol": "chat" } })) {
      return new Response("a WebSocket, please", { status: 426 })
    }
  },
  websocket: {
    open(ws: any) { ws.subscribe("room"); ws.publish("room", ws.data.name + " came") },
    message(ws: any, message: any) { ws.publish("room", typeof message === "string" ? ws.data.name + ": " + message : message) },
    close(ws: any, code: number) { console.log(ws.data.name, "left", code) },
  },
}
