{
  const { version, poll, verb } = document.body.dataset;
  const state = document.getElementById("state");
  const ask = async () => {
    try {
      const now = await (await fetch(poll, { cache: "no-store" })).text();
      state.textContent = "Waiting for the next save";
      if (now !== version) {
        if (verb === "GET") return location.reload();
        state.textContent = "There is a new version: send the request again";
        return;
      }
    } catch {
      state.textContent = "fortuna dev is not running";
    }
    setTimeout(ask, 400);
  };
  ask();
}
