// Answers that the server has not taken yet, kept in this browser until it does.
const NAME = "haulout.waiting";

/** What was kept by this person; others who use the same browser send their own. */
export class Waiting {
  constructor(person) {
    this.person = person;
  }

  get all() {
    try {
      const kept = JSON.parse(localStorage.getItem(NAME) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  get mine() {
    return this.all.filter((one) => one.person === this.person);
  }

  /** Keep an answer; false when this browser has no room or keeps nothing. */
  keep(address, body) {
    return this.write([...this.all.filter((one) => one.body.lease !== body.lease), { person: this.person, address, body }]);
  }

  drop(lease) {
    this.write(this.all.filter((one) => one.body.lease !== lease));
  }

  write(kept) {
    try {
      localStorage.setItem(NAME, JSON.stringify(kept));
      return true;
    } catch {
      return false;
    }
  }

  /** Send what waits, the oldest first, until the line is down again; return how many were taken. */
  async send() {
    let taken = 0;
    for (const { address, body } of this.mine) {
      const { status } = await post(address, body);
      if (AGAIN(status)) break;
      this.drop(body.lease); // taken now, taken before, or never to be taken
      if (status < 300 || status === 409) taken += 1;
    }
    return taken;
  }
}

/** Say whether the same is to be sent again later: no line, no room, signed out, or too much at once. */
export const AGAIN = (status) => status === 0 || status === 401 || status === 429 || status >= 500;

/** Send JSON and return the status, 0 without a line, and what was said. */
export async function post(address, body) {
  try {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
      redirect: "manual", // to the page for signing in
    });
    if (answer.type === "opaqueredirect") return { status: 401, said: {} };
    return { status: answer.status, said: await answer.json().catch(() => ({})) };
  } catch {
    return { status: 0, said: {} };
  }
}
