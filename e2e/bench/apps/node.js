import { createServer } from "node:http";

createServer((request, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ hello: "world" }));
}).listen(Number(process.env.PORT), "127.0.0.1");
