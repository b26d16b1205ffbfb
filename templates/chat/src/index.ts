interface Message {
  id: string;
  name: string;
  text: string;
  at: number; // Unix milliseconds
}

/** What a socket knows of itself. */
interface Seat {
  room: string;
  name: string;
}

const lastWords = 50;
const day = 86_400;

/** Adds a message to what is remembered of its room. Of two that come at once, on two nodes, none is lost. */
async function remember(rooms: KVNamespace, room: string, message: Message): Promise<void> {
  for (;;) {
    const { value, rev } = await rooms.getWithMetadata<Message[]>(room, { type: "json", consistency: "strong" });
    const messages = [...(value ?? []), message].slice(-lastWords);
    const kept = await rooms.put(room, JSON.stringify(messages), { onlyIfRev: rev, expirationTtl: day });
    if (kept !== null) return;
  }
}

const topic = (room: string) => `room/${room}`;

export default {
  routes: {
    "/ws/:room": {
      GET(request, _env, ctx) {
        const room = request.params.room;
        const name = (new URL(request.url).searchParams.get("name") ?? "").trim();
        if (!/^[\w-]{1,40}$/.test(room)) return new Response("A room is called by 1 to 40 letters, digits or dashes\n", { status: 422 });
        if (!/^[\p{L}\p{N} _.-]{1,30}$/u.test(name)) return new Response("A name has 1 to 30 letters, digits, dots or dashes\n", { status: 422 });
        const seat: Seat = { room, name };
        if (ctx.upgrade(request, { data: seat })) return;
        return new Response("Open a WebSocket here\n", { status: 426 });
      },
    },
  },

  websocket: {
    async open(ws: fortuna.Socket<Seat>, env) {
      const { room } = ws.data;
      ws.subscribe(topic(room)); // before the history is read: a message may come twice, but none is missed
      const messages = await env.ROOMS.get<Message[]>(room, "json");
      ws.send(JSON.stringify({ history: messages ?? [] }));
    },

    async message(ws: fortuna.Socket<Seat>, data, env, ctx) {
      const text = typeof data === "string" ? data.trim().slice(0, 2000) : "";
      if (!text) return;
      const { room, name } = ws.data;
      const { success } = await env.TALK.limit({ key: `${room}/${name}` });
      if (!success) {
        ws.send(JSON.stringify({ problem: "Slow down: the others cannot read that fast." }));
        return;
      }
      const message: Message = { id: crypto.randomUUID(), name, text, at: Date.now() };
      ctx.publish(topic(room), JSON.stringify({ message })); // to everybody in the room, on every node
      await remember(env.ROOMS, room, message);
    },
  },

  fetch: () => new Response("Not found\n", { status: 404 }),
} satisfies fortuna.App;
