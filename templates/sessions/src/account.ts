/** What is kept of an account: nobody can read the password out of it. */
interface Account {
  name: string;
  salt: string;
  hash: string;
  rounds: number;
}

// OWASP's advice for PBKDF2 with SHA-256. It is kept with each account, so that it can grow.
const rounds = 600_000;

/** Whose account it is, as they wrote their name, or why there is none. */
type Outcome = { user: string } | { problem: string };

export async function createAccount(users: KVNamespace, name: string, password: string): Promise<Outcome> {
  if (!/^[\p{L}\p{N}_.-]{2,30}$/u.test(name)) return { problem: "A name has 2 to 30 letters, digits, dots or dashes." };
  if (password.length < 8 || password.length > 200) return { problem: "A password has 8 characters or more." };
  const salt = toHex(crypto.getRandomValues(new Uint8Array(16)));
  const account: Account = { name, salt, hash: await derive(password, salt, rounds), rounds };
  // Of two who take the same name at once, one gets it.
  const made = await users.put(key(name), JSON.stringify(account), { onlyIfNew: true });
  return made === null ? { problem: "This name is taken." } : { user: name };
}

export async function checkPassword(users: KVNamespace, name: string, password: string): Promise<Outcome> {
  const account = name ? await users.get<Account>(key(name), "json") : null;
  // Without an account the same work is done, so that the time it takes does not tell which names there are.
  const { salt, hash, rounds: n } = account ?? { salt: "00", hash: "", rounds };
  const derived = await derive(password, salt, n);
  if (account && equal(derived, hash)) return { user: account.name };
  return { problem: "This name and this password do not belong together." };
}

const key = (name: string) => "user/" + name.toLowerCase();

async function derive(password: string, salt: string, iterations: number): Promise<string> {
  const secret = await crypto.subtle.importKey("raw", new TextEncoder().encode(password), "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: fromHex(salt), iterations }, secret, 256);
  return toHex(new Uint8Array(bits));
}

const toHex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const fromHex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** Compares in a time that does not depend on where the texts differ. */
function equal(a: string, b: string): boolean {
  let differs = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) differs |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return differs === 0;
}
