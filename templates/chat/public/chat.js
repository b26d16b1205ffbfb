const door = document.querySelector("#door");
const room = document.querySelector("#room");
const log = document.querySelector("#log");
const state = document.querySelector("#state");

const seen = new Set(); // ids: what comes while the history is read comes twice
let me, where, socket;
let pause = 500; // before the next try, in milliseconds

/** A colour that is always the same for a name. */
function colour(name) {
  let hash = 0;
  for (const c of name) hash = (hash * 31 + c.codePointAt(0)) % 360;
  return `hsl(${hash} 65% var(--name))`;
}

function show({ id, name, text, at }) {
  if (seen.has(id)) return;
  seen.add(id);
  const item = document.createElement("li");
  item.classList.toggle("mine", name === me);
  const head = document.createElement("b");
  head.textContent = name;
  head.style.color = colour(name);
  const time = document.createElement("time");
  time.dateTime = new Date(at).toISOString();
  time.textContent = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = document.createElement("p");
  words.textContent = text;
  item.append(head, time, words);
  log.append(item);
  log.scrollTop = log.scrollHeight;
}

function connect() {
  const address = new URL(`/ws/${encodeURIComponent(where)}`, location);
  address.protocol = address.protocol.replace("http", "ws");
  address.searchParams.set("name", me);
  socket = new WebSocket(address);
  socket.onopen = () => {
    pause = 500;
    state.textContent = "";
  };
  socket.onmessage = ({ data }) => {
    const { history, message, problem } = JSON.parse(data);
    history?.forEach(show);
    if (message) show(message);
    if (problem) state.textContent = problem;
  };
  socket.onclose = () => {
    state.textContent = "Not connected. Trying again…";
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, 10_000);
  };
}

function enter(name, place) {
  me = name;
  where = place;
  document.title = `#${where}`;
  room.querySelector("h1").textContent = `#${where}`;
  door.hidden = true;
  room.hidden = false;
  room.querySelector("input").focus();
  connect();
}

door.querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  enter(form.get("name").trim(), form.get("room").trim());
};

room.querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  const input = event.target.elements.text;
  if (socket.readyState !== WebSocket.OPEN) return; // what was typed stays
  socket.send(input.value);
  input.value = "";
};
