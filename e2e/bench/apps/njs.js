function hello(r) {
  r.headersOut["Content-Type"] = "application/json";
  r.return(200, JSON.stringify({ hello: "world" }));
}

export default { hello };
