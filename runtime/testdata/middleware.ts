// A middleware chain as frameworks build it: a context class with private fields and arrow functions, async next().
type Next = () => Promise<void>
type Handler = (c: Context, next: Next) => Promise<Response | void> | Response

class Context {
  #headers: Headers | undefined
  #status = 200
  res: Response | undefined
  constructor(public req: Request, public env: unknown) {}
  header = (name: string, value: string) => {
    this.#headers ??= new Headers()
    this.#headers.set(name, value)
  }
  status = (code: number) => {
    this.#status = code
  }
  text = (body: string) => new Response(body, { status: this.#status, headers: this.#headers })
  json = (body: unknown) => Response.json(body, { status: this.#status, headers: this.#headers })
}

const chain: Handler[] = [
  async (c, next) => {
    c.header("x-request-id", "1")
    await next()
  },
  async (c, next) => {
    await next()
    c.res?.headers.set("x-frame-options", "SAMEORIGIN")
  },
  (c) => c.json({ path: new URL(c.req.url).pathname, agent: c.req.headers.get("accept") }),
]

export default {
  async fetch(request: Request, env: unknown): Promise<Response> {
    const c = new Context(request, env)
    const dispatch = async (i: number): Promise<void> => {
      const res = await chain[i](c, () => dispatch(i + 1))
      if (res) c.res = res
    }
    await dispatch(0)
    return c.res ?? c.text("not found")
  },
}
