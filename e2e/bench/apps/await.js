export default {
  async fetch() {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return new Response("later");
  },
};
