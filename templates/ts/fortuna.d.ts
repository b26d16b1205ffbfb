// What fortuna adds to the web platform.

interface Request {
  /** What the pattern of the route captured: { id: "42" } for "/users/:id". */
  readonly params: Record<string, string>;
}

declare namespace fortuna {
  interface Context {
    /** Lets work go on after the answer has been sent. */
    waitUntil(work: Promise<unknown>): void;
  }

  type Handler<Env = unknown> = (request: Request, env: Env, ctx: Context) => Response | Promise<Response>;

  /** A handler for every method, one for each, or an answer that never changes. */
  type Route<Env = unknown> = Handler<Env> | { [method: string]: Handler<Env> } | Response;

  interface App<Env = unknown> {
    /** Answers what no route matches. */
    fetch?: Handler<Env>;
    routes?: { [pattern: string]: Route<Env> };
  }
}
