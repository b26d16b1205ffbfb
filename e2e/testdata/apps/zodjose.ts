import { SignJWT, jwtVerify, errors } from "jose"
import { z } from "zod"

const secret = new TextEncoder().encode("a secret of at least thirty-two bytes")

const Order = z.object({
  id: z.coerce.number().int().positive(),
  email: z.email(),
  items: z.array(z.object({ sku: z.string().regex(/^[A-Z]{2}-\d+$/), count: z.number().min(1).max(9).default(1) })).nonempty(),
  note: z.string().trim().optional(),
})

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    switch (request.method + " " + url.pathname) {
      case "POST /order": {
        const parsed = Order.safeParse(await request.json())
        if (!parsed.success) {
          return Response.json(parsed.error.issues.map(({ code, path, message }) => ({ code, path, message })), { status: 422 })
        }
        return Response.json(parsed.data)
      }
      case "GET /token": {
        const token = await new SignJWT({ role: "admin" }).setProtectedHeader({ alg: "HS256" }).setIssuedAt(1700000000).setSubject("ada").sign(secret)
        return new Response(token)
      }
      case "GET /verify":
        try {
          const { payload, protectedHeader } = await jwtVerify(url.searchParams.get("token") ?? "", secret)
          return Response.json({ payload, alg: protectedHeader.alg })
        } catch (e) {
          if (e instanceof errors.JOSEError) return Response.json({ code: e.code }, { status: 401 })
          throw e
        }
    }
    return new Response("not found", { status: 404 })
  },
}
