import { AutoRouter, error, json, text, withContent, withCookies, cors, StatusError } from "itty-router"

const { preflight, corsify } = cors({ origin: "https://example.com" })

const router = AutoRouter({ before: [preflight], finally: [corsify] })

router
  .get("/", () => "hello itty")
  .get("/json", () => ({ hello: "world" }))
  .get("/users/:id", ({ params }) => ({ id: params.id }))
  .get("/greedy/:rest+", ({ rest }) => text(rest))
  .get("/query", ({ query }) => query)
  .post("/content", withContent, ({ content }) => ({ got: content }))
  .get("/cookies", withCookies, ({ cookies }) => cookies)
  .get("/error", () => error(403, "not you"))
  .get("/throw", () => {
    throw new StatusError(409, "taken")
  })
  .get("/status", () => json({ made: true }, { status: 201 }))

export default { ...router }
