package cli

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/vault"
)

// guest is the raw connection of a node that has not the store.
type guest struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func enter(t *testing.T, server *embedded.Server, name, connect string) *guest {
	t.Helper()
	near, far := net.Pipe()
	go func() { _ = server.Admit(far, workerRights(name)) }() // it ends with the connection
	t.Cleanup(func() { near.Close() })
	if err := near.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	g := &guest{t, near, bufio.NewReader(near)}
	if info, err := g.in.ReadString('\n'); err != nil || !strings.HasPrefix(info, "INFO") {
		t.Fatalf("%q, %v", info, err)
	}
	g.say("CONNECT " + connect + "\r\n")
	return g
}

// say sends lines; that the server has closed is heard.
func (g *guest) say(lines string) { _, _ = g.conn.Write([]byte(lines)) }

// refused says what the server answers with an error until it has dealt with what was said.
func (g *guest) refused() (text string) {
	g.say("PING\r\n")
	for {
		line, err := g.in.ReadString('\n')
		switch {
		case err != nil:
			return text + err.Error()
		case strings.HasPrefix(line, "PONG"):
			return text
		case strings.HasPrefix(line, "-ERR"):
			text += line
		}
	}
}

// What a node without the store may say to it and hear from it, and what not.
func TestWorkerRights(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := kv.Open(server, "core")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, cfg := range []kv.Config{artifact.FilesConfig, artifact.StatementsConfig, kvBucket(1), kvBucket(3), sessionsConfig(), secretsConfig(), vault.Config} {
		if _, err := s.Bucket(ctx, cfg); err != nil {
			t.Fatal(err)
		}
	}
	g := enter(t, server, "w1", `{"verbose":false}`)
	if text := g.refused(); text != "" {
		t.Fatal(text)
	}
	const yes, no = true, false
	for _, c := range []struct {
		subject string
		publish bool // else subscribe
		want    bool
	}{
		{"$KV.values.shop.CART.a", true, yes}, {"$KV.history-3.shop.LOG.a", true, yes}, {"$KV.sessions.shop.a", true, yes}, {"$KV.vault.files.certificates/a", true, yes},
		{"$JS.API.STREAM.INFO.KV_values", true, yes}, {"$JS.API.DIRECT.GET.KV_cluster.$KV.cluster.releases.shop", true, yes},
		{"$JS.API.STREAM.MSG.GET.KV_sessions", true, yes}, {"$JS.API.CONSUMER.CREATE.KV_values.x", true, yes}, {"fortuna.queue.messages.now.shop.JOBS", true, yes},
		{"fortuna.counter.rates.a", true, yes}, {"fortuna.channel.shop", true, yes}, {"fortuna.beat.w1", true, yes}, {"fortuna.beat.w2", true, no}, {"$JS.ACK.Q_messages.x", true, yes},

		{"$KV.cluster.x", true, no}, {"$KV.cluster.=beacon", true, no}, {"$KV.files.x", true, no}, {"$KV.secrets.x", true, no}, // a roll-up of one deletes all
		{"$KV.cluster.releases.shop", true, no}, {"$KV.cluster.grants.abc", true, no}, {"$KV.cluster.members.n1", true, no}, {"$KV.cluster.versions.shop.a", true, no},
		{"$KV.files.sha256.abc", true, no}, {"$KV.files.=p.sha256.abc.0", true, no}, {"$KV.secrets.shop.KEY", true, no}, {"fortuna.log.audit.cluster", true, no}, {"fortuna.log.apps.shop", true, yes}, {"$JS.API.STREAM.PURGE.LOG_audit", true, no},
		{"fortuna.kv.cluster.releases.shop", true, no}, {"fortuna.kv.sessions.shop.a", true, no}, // what only the server says: that something has changed
		{"$JS.API.STREAM.CREATE.KV_values", true, no}, {"$JS.API.STREAM.UPDATE.KV_values", true, no}, {"$JS.API.STREAM.DELETE.KV_values", true, no},
		{"$JS.API.STREAM.PURGE.KV_cluster", true, no}, {"$JS.API.STREAM.PURGE.KV_values", true, no}, {"$JS.API.STREAM.PURGE.KV_sessions", true, no}, {"$JS.API.STREAM.MSG.DELETE.KV_values", true, no},
		{"$JS.API.STREAM.SNAPSHOT.KV_secrets", true, no}, {"$JS.API.STREAM.RESTORE.KV_cluster", true, no}, {"$JS.API.STREAM.LEADER.STEPDOWN.KV_values", true, no},
		{"$JS.API.META.LEADER.STEPDOWN", true, no}, {"$JS.API.SERVER.REMOVE", true, no}, {"$JS.API.ACCOUNT.PURGE.G", true, no}, {"$SYS.REQ.SERVER.PING", true, no},
		{"$JS.API.CONSUMER.PAUSE.KV_values.x", true, no}, {"$JS.API.CONSUMER.LEADER.STEPDOWN.KV_values.x", true, no}, {"anything", true, no}, {inboxOf("w2") + ".x", true, no},

		{inboxOf("w1") + ".>", false, yes}, {"fortuna.kv.>", false, yes}, {"fortuna.channel.>", false, yes},
		{">", false, no}, {"$KV.>", false, no}, {"_INBOX.>", false, no}, {inboxOf("w2") + ".>", false, no}, {"$SYS.>", false, no}, {"$JS.>", false, no}, {"*", false, no},
	} {
		what := "hear "
		if c.publish {
			what = "say "
			g.say("PUB " + c.subject + " 2\r\n{}\r\n")
		} else {
			g.say("SUB " + c.subject + " 1\r\nUNSUB 1\r\n")
		}
		text := g.refused()
		if text != "" && !strings.Contains(text, "Permissions Violation") {
			t.Fatalf("%s%s: %s", what, c.subject, text)
		}
		allowed := text == ""
		if allowed != c.want {
			t.Errorf("%s%s: allowed %v, want %v", what, c.subject, allowed, c.want)
		}
	}
}

// Whoever is carried to the server is what they are let in as, whatever they say themselves.
func TestWorkerRights_ofThemselves(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, said := range []string{`{"auth_token":"x"}`, `{"user":"member","pass":"x"}`, `{}`, `{"jwt":"x","nkey":"y"}`} {
		g := enter(t, server, "w1", said)
		g.say("CONNECT {\"auth_token\":\"\"}\r\nSUB > 1\r\n")
		if text := g.refused(); !strings.Contains(text, "Permissions Violation") && !strings.Contains(text, "Authorization Violation") && !strings.Contains(text, "EOF") {
			t.Errorf("CONNECT %s, then SUB >: %q", said, text)
		}
	}
}

// What the server's permissions do not see ends the connection of who says it.
func TestWorkerRights_filter(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	consumer := func(body string) string {
		return fmt.Sprintf("PUB $JS.API.CONSUMER.CREATE.KV_values %s.x %d\r\n%s\r\n", inboxOf("w1"), len(body), body)
	}
	for said, want := range map[string]bool{
		"PUB $JS.API.DIRECT.GET.KV_values.$KV.values.a " + inboxOf("w1") + ".x 0\r\n\r\n": true,
		consumer(`{"config":{"filter_subject":"$KV.values.>"}}`):                          true,
		consumer(`{"config":{"deliver_subject":"` + inboxOf("w1") + `.x"}}`):              true,
		"HPUB fortuna.channel.shop 12 14\r\nNATS/1.0\r\n\r\nhi\r\n":                       true,

		"PUB $JS.API.DIRECT.GET.KV_values.$KV.values.a $KV.cluster.members.n3 0\r\n\r\n":        false,
		"PUB $JS.API.DIRECT.GET.KV_values.$KV.values.a fortuna.kv.cluster.members.n3 0\r\n\r\n": false,
		"PUB $JS.API.DIRECT.GET.KV_values.$KV.values.a " + inboxOf("w2") + ".x 0\r\n\r\n":       false,
		"PUB\t$JS.API.DIRECT.GET.KV_values.a\t$KV.cluster.members.n3\t0\r\n\r\n":                false,
		"pub $JS.API.DIRECT.GET.KV_values.a $KV.cluster.members.n3 0\r\n\r\n":                   false,
		"PUB  $JS.API.DIRECT.GET.KV_values.a $KV.cluster.members.n3 0\r\n\r\n":                  false,
		"PUB a b c 0\r\n\r\n": false, "PUB a -1\r\n\r\n": false, "PUB a 9999999\r\n": false, "HPUB a 9 2\r\n": false, "PUB a 0\n\n": false,
		consumer(`{"config":{"deliver_subject":"fortuna.kv.cluster.members.n3"}}`):                 false,
		consumer(`{"config":{"DELIVER_SUBJECT":"x"}}`):                                             false,
		consumer(`{"config":{"deliver_subject":"","deliver_subject":"x"}}`):                        false,
		consumer(`{"config":{"deliver_subject":"` + inboxOf("w1") + `.x","deliver_subject":"x"}}`): false,
		consumer(`{"config":{"deliver_subject":"` + inboxOf("w1") + `.x","DELIVER_SUBJECT":"x"}}`): false,
		consumer(`{"config":{"deliver_subject":"` + inboxOf("w2") + `.x"}}`):                       false,
		consumer("nonsense"): false,
		"CONNECT {}\r\n":     false, "INFO {}\r\n": false, "A+ x\r\n": false,
	} {
		g := enter(t, server, "w1", `{"verbose":false,"headers":true}`)
		g.say(said)
		if text := g.refused(); (text == "") != want {
			t.Errorf("%q: passed on %v, want %v: %q", said, text == "", want, text)
		}
	}
}
