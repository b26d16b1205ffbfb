import { checkPassword, createAccount } from "./account";
import { describe } from "./device";
import { cartPage, devicesPage, entryPage, shopPage, type Cart } from "./pages";

/** What is for sale. */
const goods = [
  { id: "cup", name: "Cup", price: 12 },
  { id: "lamp", name: "Lamp", price: 49 },
  { id: "plant", name: "Plant", price: 18 },
  { id: "radio", name: "Radio", price: 79 },
];

/** A visitor as the pages know them. */
function visitor(ctx: fortuna.Context) {
  const cart: Cart = ctx.session.get("cart") ?? {};
  const count = Object.values(cart).reduce((sum, n) => sum + n, 0);
  return { user: ctx.session.user, cart, count, notice: ctx.session.flash<string>("notice") };
}

/** After a form, the browser asks for a page: so that to reload it sends nothing twice (Post/Redirect/Get). */
const seeOther = (location: string) => new Response(null, { status: 303, headers: { Location: location } });

const entry = (action: "login" | "signup"): fortuna.Route => ({
  GET: (_request, _env, ctx) => (ctx.session.user ? seeOther("/") : entryPage(visitor(ctx), action)),

  async POST(request, env, ctx) {
    const form = await request.formData();
    const name = String(form.get("name") ?? "").trim();
    const password = String(form.get("password") ?? "");
    const refuse = (problem: string, status: number) => entryPage(visitor(ctx), action, { name, problem, status });

    const { success } = await env.LOGIN.limit({ key: name.toLowerCase() });
    if (!success) return refuse("Too many tries. Please wait a minute.", 429);
    const outcome = await (action === "signup" ? createAccount : checkPassword)(env.USERS, name, password);
    if ("problem" in outcome) return refuse(outcome.problem, 422);

    // The session gets a new id, so that nobody who knew the former one is logged in too. The cart stays.
    ctx.session.user = outcome.user;
    ctx.session.set("device", describe(request.headers.get("User-Agent") ?? ""));
    ctx.session.flash("notice", `Welcome, ${outcome.user}!`);
    return seeOther("/");
  },
});

export default {
  routes: {
    "/": { GET: (_request, _env, ctx) => shopPage(visitor(ctx), goods) },

    "/cart": {
      GET: (_request, _env, ctx) => cartPage(visitor(ctx), goods),

      async POST(request, _env, ctx) {
        const form = await request.formData();
        const id = String(form.get("id"));
        const by = form.get("change") === "less" ? -1 : 1;
        const good = goods.find((g) => g.id === id);
        if (!good) return new Response("There is no such thing\n", { status: 404 });
        // Two tabs may do this at the same time, on two nodes: then the function is called again, and both count.
        ctx.session.update((session) => {
          const cart: Cart = session.get("cart") ?? {};
          const n = Math.min((cart[id] ?? 0) + by, 99);
          if (n > 0) cart[id] = n;
          else delete cart[id];
          session.set("cart", cart);
        });
        if (by > 0 && form.get("from") !== "cart") ctx.session.flash("notice", `${good.name} is in your cart.`);
        return seeOther(form.get("from") === "cart" ? "/cart" : "/");
      },
    },

    "/login": entry("login"),
    "/signup": entry("signup"),

    "/logout": {
      POST(_request, _env, ctx) {
        ctx.session.destroy();
        return seeOther("/");
      },
    },

    "/devices": {
      async GET(_request, _env, ctx) {
        const user = ctx.session.user;
        return user ? devicesPage(visitor(ctx), await ctx.sessions.list(user)) : seeOther("/login");
      },

      async POST(request, _env, ctx) {
        const user = ctx.session.user;
        if (!user) return seeOther("/login");
        const id = (await request.formData()).get("id"); // none: all others
        const ended = (await ctx.sessions.list(user)).filter((s) => (id ? s.id === id : !s.current));
        for (const session of ended) await ctx.sessions.revoke(session.id); // over at once, on every node
        if (ended.some((s) => s.current)) return seeOther("/");
        ctx.session.flash("notice", ended.length === 1 ? "One device is signed out." : `${ended.length} devices are signed out.`);
        return seeOther("/devices");
      },
    },
  },

  fetch: () => new Response("Not found\n", { status: 404 }),
} satisfies fortuna.App;
