import { html, nothing, type Html } from "./html";

export type Cart = Record<string, number>;

interface Visitor {
  user: string | null;
  cart: Cart;
  count: number;
  notice?: string;
}

interface Good {
  id: string;
  name: string;
  price: number;
}

function page(visitor: Visitor, title: string, content: Html, status = 200): Response {
  const account = visitor.user
    ? html`<a href="/devices">${visitor.user}</a>
        <form method="post" action="/logout"><button class="plain">Sign out</button></form>`
    : html`<a href="/login">Sign in</a>`;
  const body = html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <link rel="stylesheet" href="/style.css">
  </head>
  <body>
    <header>
      <a class="brand" href="/">Corner shop</a>
      <nav>${account}<a class="cart" href="/cart">Cart <b>${visitor.count}</b></a></nav>
    </header>
    <main>
      ${visitor.notice ? html`<p class="notice" role="status">${visitor.notice}</p>` : nothing}
      <h1>${title}</h1>
      ${content}
    </main>
  </body>
</html>`;
  return new Response(body.text, { status, headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "private, no-store" } });
}

export function shopPage(visitor: Visitor, goods: Good[]): Response {
  const cards = goods.map(
    (good) => html`
      <li>
        <img src="/${good.id}.svg" alt="">
        <span>${good.name}</span>
        <span class="price">€${good.price}</span>
        <form method="post" action="/cart"><button name="id" value="${good.id}" aria-label="Add ${good.name}">Add</button></form>
      </li>`,
  );
  return page(visitor, "Things for the table", html`<ul class="goods">${cards}</ul>`);
}

export function cartPage(visitor: Visitor, goods: Good[]): Response {
  const rows = goods.filter((good) => visitor.cart[good.id]);
  const total = rows.reduce((sum, good) => sum + good.price * visitor.cart[good.id], 0);
  const change = (good: Good, to: "less" | "more", sign: string) => html`
    <form method="post" action="/cart">
      <input type="hidden" name="id" value="${good.id}"><input type="hidden" name="from" value="cart">
      <button class="small" name="change" value="${to}" aria-label="One ${good.name} ${to}">${sign}</button>
    </form>`;
  const content = rows.length
    ? html`<ul class="rows">
        ${rows.map(
          (good) => html`
            <li>
              <img src="/${good.id}.svg" alt="">
              <span class="grow">${good.name}</span>
              ${change(good, "less", "−")}<b class="number">${visitor.cart[good.id]}</b>${change(good, "more", "+")}
              <span class="price">€${good.price * visitor.cart[good.id]}</span>
            </li>`,
        )}
      </ul>
      <p class="total">Together <b>€${total}</b></p>`
    : html`<p>Nothing yet. <a href="/">Look around</a>.</p>`;
  return page(visitor, "Your cart", content);
}

export function entryPage(visitor: Visitor, action: "login" | "signup", tried?: { name: string; problem: string; status: number }): Response {
  const login = action === "login";
  const content = html`
    <form class="entry" method="post">
      ${tried ? html`<p class="problem" role="alert">${tried.problem}</p>` : nothing}
      <label>Name <input name="name" value="${tried?.name ?? ""}" autocomplete="username" required autofocus></label>
      <label>Password <input name="password" type="password" autocomplete="${login ? "current-password" : "new-password"}" required></label>
      <button>${login ? "Sign in" : "Make an account"}</button>
      <p>${login ? html`New here? <a href="/signup">Make an account</a>.` : html`You have one? <a href="/login">Sign in</a>.`}</p>
    </form>`;
  return page(visitor, login ? "Sign in" : "Make an account", content, tried?.status);
}

export function devicesPage(visitor: Visitor, sessions: fortuna.SessionInfo[]): Response {
  const rows = sessions
    .sort((a, b) => Number(b.current) - Number(a.current) || b.usedAt.getTime() - a.usedAt.getTime())
    .map(
      (session) => html`
        <li>
          <span class="grow">
            <b>${session.data.device ?? "A device"}</b> ${session.current ? html`<em>this one</em>` : nothing}
            <small>since ${session.createdAt.toISOString().slice(0, 16).replace("T", " ")} UTC</small>
          </span>
          <form method="post"><button class="small" name="id" value="${session.id}">Sign out</button></form>
        </li>`,
    );
  const others = sessions.length > 1 ? html`<form method="post"><button>Sign out all others</button></form>` : nothing;
  return page(visitor, "Your devices", html`<ul class="rows">${rows}</ul>${others}`);
}
