/** Markup that needs no escaping any more. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = string | number | Html | Html[];

/** A template tag that escapes every value but Html. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(parts.reduce((text, part, i) => text + escape(values[i - 1]) + part));
}

function escape(value: Value): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map((v) => v.text).join("");
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(value).replace(/[&<>"']/g, (c) => names[c]);
}

export const nothing = new Html("");
