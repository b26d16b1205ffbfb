const events = 60;
const encoder = new TextEncoder();

// One event a second, each with its number and when it was made, until there were as many as a minute has seconds.
export default {
  fetch() {
    let timer;
    return new Response(new ReadableStream({
      start(controller) {
        let n = 0;
        timer = setInterval(() => {
          controller.enqueue(encoder.encode(`id: ${n++}\ndata: ${Date.now()}\n\n`));
          if (n === events) {
            clearInterval(timer);
            controller.close();
          }
        }, 1000);
      },
      cancel: () => clearInterval(timer),
    }), { headers: { "Content-Type": "text/event-stream" } });
  },
};
