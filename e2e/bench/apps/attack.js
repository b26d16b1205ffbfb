const large = 'x'.repeat(4 << 20); // text is not copied for each answer, as bytes are
export default { routes: {
  '/': () => Response.json({ hello: 'world' }),
  '/large': () => new Response(large),
  '/form': async (request) => new Response(String((await request.arrayBuffer()).byteLength)),
} };
