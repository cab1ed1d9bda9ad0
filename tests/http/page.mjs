// The page of a processor without a browser: its script runs as it is sent, on the few things that it asks of one, and a
// person is played who shows a wrong token and then the right one.
//
//   node page.mjs URL [TOKEN]
//
// Prints a line for each thing that the person sees; ends with 1 if something does not come.

const [url, token] = process.argv.slice(2);
const PATIENCE_MS = 60_000;

/** An element: what the script sets is what the person sees. */
function element(kind) {
  const own = { kind, textContent: "", value: "", hidden: false, children: [] };
  own.append = (...more) => own.children.push(...more);
  own.replaceChildren = (...all) => (own.children = all);
  own.focus = () => {};
  return own;
}
const shown = (own) => [own.textContent, ...own.children.map(shown)].filter(Boolean).join(" ");

async function until(what, is) {
  const end = Date.now() + PATIENCE_MS;
  while (!is()) {
    if (Date.now() > end) {
      console.log(`not seen: ${what}; ${[...elements].map(([id, own]) => `${id}: ${shown(own)}`).join("; ")}`);
      process.exit(1);
    }
    await new Promise((done) => setTimeout(done, 10));
  }
}

const page = await (await fetch(url + "/")).text();
const elements = new Map();
for (const [, kind, id, rest] of page.matchAll(/<(\w+) id="(\w+)"([^>]*)>/g)) {
  elements.set(id, Object.assign(element(kind), { hidden: / hidden/.test(rest) }));
}
const kept = new Map();
const asked = [];
const world = {
  document: { getElementById: (id) => elements.get(id), createElement: element },
  sessionStorage: {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, String(value)),
    removeItem: (name) => kept.delete(name),
  },
  fetch: async (path, options) => {
    const answer = await fetch(url + path, options);
    // A refusal may come when another token has been shown.
    if (answer.status === 401 && options && path.includes("watch")) await new Promise((done) => setTimeout(done, 1_000));
    asked.push([path.split("?")[0], options?.headers?.authorization ?? null, answer.status]);
    return answer;
  },
};
const script = page.match(/<script>([\s\S]*)<\/script>/)[1];
new Function(...Object.keys(world), script)(...Object.values(world));

const $ = (id) => elements.get(id);
const said = () => ($("who").hidden ? "" : $("said").textContent);
function show(value) {
  $("token").value = value;
  let stayed = false;
  $("who").onsubmit({ preventDefault: () => (stayed = true) });
  if (!stayed || $("token").value !== "") throw new Error("the form is sent, or the token left in it");
}

if (token) {
  await until("that a token is asked for", () => said() === "This processor answers those who show its token.");
  console.log("asks");
  show("not-" + token);
  await until("that it is another token", () => said() === "This is not its token.");
  console.log("refuses");
  show(` ${token} `);
}
await until("totals", () => /sum|count/.test(shown($("totals"))));
await until("partitions", () => shown($("partitions")).includes("watermark"));
await until("its state", () => shown($("state")).includes("version"));
if (said() !== "" || (token && kept.get("timeline-token") !== token)) throw new Error("it asks again");
console.log("totals " + shown($("totals")));
const refused = asked.filter(([, , status]) => status === 401).length;
const shows = asked.every(([, header, status]) => status === 401 || header === (token ? "Bearer " + token : null));
const paths = [...new Set(asked.filter(([, , status]) => status === 200).map(([path]) => path))].sort();
console.log(`answered ${paths.join(" ")}${refused > 0 ? ", after refusals" : ""}${shows ? "" : ", and not by its header"}`);
process.exit(0);
