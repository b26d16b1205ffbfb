/** Markup that needs no escaping any more. */
class Html {
  constructor(readonly text: string) {}
}

/** A template tag that escapes every value but Html. */
function html(parts: TemplateStringsArray, ...values: (string | Html)[]): Html {
  return new Html(parts.reduce((text, part, i) => text + escape(values[i - 1]) + part));
}

function escape(value: string | Html): string {
  if (value instanceof Html) return value.text;
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return value.replace(/[&<>"']/g, (c) => names[c]);
}

export function entryForm(problem = ""): Html {
  return html`
    <p role="alert">${problem}</p>
    <form method="post">
      <label>Your name <input name="name" autofocus></label>
      <button>Sign</button>
    </form>`;
}

export function page(title: string, content: string | Html, status = 200): Response {
  const body = html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8">
      <title>${title}</title>
      <h1>${title}</h1>
      ${content}
    </html>`;
  return new Response(body.text, { status, headers: { "Content-Type": "text/html; charset=utf-8" } });
}
