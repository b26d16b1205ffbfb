export default {
  fetch: (request, env, ctx) => ctx.upgrade(request) ? undefined : new Response(null, { status: 426 }),
  websocket: { message: (ws, message) => ws.send(message) },
};
