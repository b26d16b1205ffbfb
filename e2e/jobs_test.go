package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

const jobsConfig = `name = "shop"
[kv.KV]
[queue.JOBS]
batch_max = 5
concurrency = 2
[triggers]
crons = ["* * * * * *"]
`

// Each run of a handler leaves a key of its own.
const jobsCode = `export default {
	async fetch(r, env) {
		const q = new URL(r.url)
		if (q.pathname === "/send") {
			await env.JOBS.sendBatch(q.searchParams.get("m").split(",").map(body => ({ body })))
			return new Response("sent")
		}
		const runs = []
		for (let cursor; ;) {
			const page = await env.KV.list({ prefix: q.searchParams.get("prefix"), cursor })
			runs.push(...page.keys.map(k => k.name.split("/")[1]))
			if (page.list_complete) return new Response(runs.join(" "))
			cursor = page.cursor
		}
	},
	async queue(batch, env) {
		for (const m of batch.messages) {
			await env.KV.put("done/" + m.body + "/" + crypto.randomUUID(), "")
			m.ack()
		}
	},
	scheduled: (event, env) => env.KV.put("tick/" + event.scheduledTime + "/" + crypto.randomUUID(), ""),
};`

// runs counts the runs that a handler made, by what they were for.
func (n *node) runs(v *visitor, prefix string) map[string]int {
	status, text := v.ask(n, "/runs?prefix="+url.QueryEscape(prefix))
	if status != 200 {
		return nil
	}
	count := map[string]int{}
	for _, name := range strings.Fields(text) {
		count[name]++
	}
	return count
}

// Three nodes share the messages of a queue and the ticks of a cron: each is handled once, by one of them, and when one dies
// in the midst of it, by another.
func TestCluster_jobs(t *testing.T) {
	nodes := startCluster(t, jobsConfig, jobsCode)
	v := newVisitor()
	sent := map[string]bool{}
	send := func(n *node, from, to int) {
		var names []string
		for i := from; i < to; i++ {
			names = append(names, fmt.Sprint("m", i))
		}
		if status, body := v.ask(n, "/send?m="+strings.Join(names, ",")); status != 200 {
			t.Logf("send to %s: %d %s", n.listen, status, body)
			return // perhaps they are there, perhaps not
		}
		for _, name := range names {
			sent[name] = true
		}
	}
	handled := func(within time.Duration) map[string]int {
		t.Helper()
		for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			done := nodes[0].runs(v, "done/")
			missing := 0
			for name := range sent {
				if done[name] == 0 {
					missing++
				}
			}
			if missing == 0 {
				return done
			}
			if time.Since(begun) > within {
				t.Fatalf("%d of %d messages are not handled", missing, len(sent))
			}
		}
	}
	for i := range 60 {
		send(nodes[i%3], 5*i, 5*i+5)
	}
	if len(sent) != 300 {
		t.Fatalf("%d messages were taken", len(sent))
	}
	for name, times := range handled(30 * time.Second) {
		if times != 1 {
			t.Errorf("%s was handled %d times", name, times)
		}
	}

	var ticks map[string]int
	for begun := time.Now(); len(ticks) < 6; time.Sleep(50 * time.Millisecond) {
		if ticks = nodes[1].runs(v, "tick/"); time.Since(begun) > time.Minute {
			t.Fatalf("the ticks of a minute: %v", ticks)
		}
	}
	for at, times := range ticks {
		if times != 1 {
			t.Errorf("the tick %s had %d runs", at, times)
		}
	}

	for i := 60; i < 160; i++ {
		if i == 90 { // in the midst of it
			nodes[2].crash()
		}
		send(nodes[i%2], 5*i, 5*i+5)
	}
	handled(time.Minute)
	nodes[2].start()
	send(nodes[2], 800, 805)
	handled(30 * time.Second)
}
