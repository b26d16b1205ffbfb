import { entryForm, page } from "./page";

export default {
  routes: {
    "/": {
      GET: (_request, env) => page(env.TITLE, entryForm()),

      async POST(request, env) {
        const form = await request.formData();
        const name = form.get("name");
        if (typeof name !== "string" || name.trim() === "") {
          return page(env.TITLE, entryForm("Please write your name."), 422);
        }
        return page(env.TITLE, `Welcome, ${name.trim()}!`);
      },
    },

    "/users/:id": {
      GET: (request) => Response.json({ id: request.params.id }),
    },

    "/health": new Response("ok\n"),
  },

  fetch: () => new Response("Not found\n", { status: 404 }),
} satisfies fortuna.App;
