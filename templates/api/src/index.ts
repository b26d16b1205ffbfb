import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";

interface Task {
  id: number;
  title: string;
  done: boolean;
}

// Each VM has memory of its own, and there are several: what a handler changes here, the next request may not see. Keep
// what must last outside.
const tasks: readonly Task[] = [{ id: 1, title: "Read the code", done: false }];

const app = new Hono();

app.get("/", (c) => c.text("GET /tasks\nPOST /tasks\nGET /tasks/:id\n"));

app.get("/tasks", (c) => c.json(tasks));

app.post("/tasks", async (c) => {
  const { title } = await c.req.json<{ title?: unknown }>();
  if (typeof title !== "string" || title === "") {
    throw new HTTPException(422, { message: "title must be a non-empty string" });
  }
  const task: Task = { id: tasks.length + 1, title, done: false };
  return c.json(task, 201); // not kept: see above
});

app.get("/tasks/:id", (c) => {
  const task = tasks.find((t) => t.id === Number(c.req.param("id")));
  if (!task) throw new HTTPException(404, { message: "there is no such task" });
  return c.json(task);
});

export default app;
