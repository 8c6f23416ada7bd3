/* What a trainer's page keeps until it is answered: marks and codes, each under an id that it gets once. Kept in the browser's own
   database, so a page that is closed, reloaded or without a network loses nothing; sent as often as needed, and counted once. */
"use strict";

const Queue = (() => {
  const PAGE = location.pathname;
  const MOST_TOGETHER = 50;
  const STAY_SHOWN = 5;
  const GOOD = ["set", "as_it_was", "held", "accepted", "repeated"];

  const opened = idb.openDB("rollcall-lists", 1, {
    upgrade(database) {
      const kept = database.createObjectStore("kept", { keyPath: "number", autoIncrement: true });
      kept.createIndex("page", "page");
      /* How the list stands by what was answered: the page itself may be older, if the network went before it came anew. */
      const known = database.createObjectStore("known", { keyPath: ["page", "meeting_id", "person_id"] });
      known.createIndex("page", "page");
    },
  });

  /* One at a time, and on the disk before anybody is told that it is kept. */
  async function changing(work) {
    const transaction = (await opened).transaction(["kept", "known"], "readwrite", { durability: "strict" });
    const kept = transaction.objectStore("kept");
    const result = await work(kept, await kept.index("page").getAll(PAGE), transaction.objectStore("known"));
    await transaction.done;
    return result;
  }

  async function all() {
    return (await opened).getAllFromIndex("kept", "page", PAGE);
  }

  async function known() {
    return (await opened).getAllFromIndex("known", "page", PAGE);
  }

  const isSame = (one, mark) => one.kind === "mark" && one.body.meeting_id === mark.meeting_id && one.body.person_id === mark.person_id;

  /* A mark, on what the page showed. One of the same person that was never sent is not said at all; one that may have arrived is
     followed: what it came to is what this one was made on. `was`: the state that the list has, so that nothing is said twice. */
  async function mark(body, shown, was) {
    return changing(async (kept, items) => {
      const before = items.filter((one) => !one.answer && isSame(one, body));
      const last = before.pop();
      let follows = before.length ? before[before.length - 1].id : null;
      if (last && !last.tried) {
        body.seen = last.body.seen;
        await kept.delete(last.number);
      } else if (last) {
        follows = last.id;
      }
      if (!follows && body.state === was && !body.at) return;
      await kept.add({ page: PAGE, kind: "mark", id: body.id, body, shown, follows, tried: false, answer: null });
    });
  }

  async function scan(body, shown) {
    return changing((kept) => kept.add({ page: PAGE, kind: "scan", id: body.id, body, shown, follows: null, tried: false, answer: null }));
  }

  async function forget(number) {
    return changing((kept) => kept.delete(number));
  }

  /* What can be sent now: of one person one mark after the other. From here on it may have arrived. */
  async function next(kind) {
    return changing(async (kept, items) => {
      const waiting = items.filter((one) => !one.answer && one.kind === kind);
      const first = waiting.filter((one) => kind !== "mark" || waiting.find((other) => isSame(other, one.body)) === one);
      const together = first.slice(0, MOST_TOGETHER);
      for (const one of together) if (!one.tried) await kept.put({ ...one, tried: true });
      return together;
    });
  }

  async function answered(answers) {
    return changing(async (kept, items, stands) => {
      let news = 0;
      for (const answer of answers) {
        const one = items.find((item) => item.id === answer.id && !item.answer);
        if (!one || answer.outcome === "try_again") continue;
        news += 1;
        if (one.kind === "mark" && answer.tag) {
          const { meeting_id, person_id } = one.body;
          await stands.put({ page: PAGE, meeting_id, person_id, tag: answer.tag, state: answer.state });
        }
        for (const after of items.filter((item) => item.follows === one.id)) {
          /* What did not come to stand as it was asked is not what the next one was made on: the rule finds that out. */
          after.body.seen = answer.stands ? answer.tag : one.body.seen;
          after.follows = null;
          await kept.put(after);
        }
        if (one.kind === "mark" && GOOD.includes(answer.outcome)) await kept.delete(one.number);
        else await kept.put({ ...one, tried: true, answer });
      }
      const read = (await kept.index("page").getAll(PAGE)).filter((one) => one.answer && GOOD.includes(one.answer.outcome));
      for (const old of read.slice(0, -STAY_SHOWN)) await kept.delete(old.number);
      return news;
    });
  }

  return { all, known, mark, scan, forget, next, answered, GOOD };
})();
