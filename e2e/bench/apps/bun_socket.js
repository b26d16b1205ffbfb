Bun.serve({
  hostname: "127.0.0.1", port: Number(process.env.PORT),
  fetch: (request, server) => server.upgrade(request) ? undefined : new Response(null, { status: 426 }),
  websocket: { message: (ws, message) => ws.send(message) },
});
