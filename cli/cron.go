package cli

import (
	"net/url"
	"strconv"
	"time"
	_ "time/tzdata" // a static binary finds none on the machine

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/binding"
)

// triggers reads [triggers] of fortuna.toml: when the scheduled handler is called.
func (c *config) triggers(v value) error {
	table, ok := v.v.(map[string]any)
	if !ok {
		return v.wrong(`[triggers]`+"\n"+`crons = ["*/5 * * * *"]`, "triggers must be a table, got %s", describe(v.v))
	}
	zone := time.UTC
	var crons []string
	var at value
	err := v.members(table, map[string]func(value) error{
		"crons": func(v value) (err error) { crons, err = v.texts(); at = v; return },
		"time_zone": func(v value) error {
			name, err := v.text()
			if err != nil {
				return err
			}
			if zone, err = time.LoadLocation(name); err != nil || name == "" || name == "Local" {
				return v.expected(`a time zone like "Europe/Berlin"`)
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	c.Crons = nil
	for _, text := range crons {
		cron, err := binding.ParseCron(text, zone)
		if err != nil {
			return at.wrong(`crons = ["*/5 * * * *"] is every five minutes: minute, hour, day of the month, month, day of the week`, "%s: %q: %v", at.key(), text, err)
		}
		for _, other := range c.Crons {
			if other.Text == cron.Text {
				return at.wrong("", "%s: %q is there twice", at.key(), text)
			}
		}
		c.Crons = append(c.Crons, cron)
	}
	return nil
}

// scheduledPath is where dev --test-scheduled calls the scheduled handler, as wrangler has it.
const scheduledPath = "/__scheduled"

// testScheduled calls the scheduled handler as a tick would: ?cron= is the expression, ?time= the tick, in Unix milliseconds.
// It answers when the handler has ended.
func testScheduled(x exchange.Exchange, code *runtime.Runtime) {
	query, err := url.ParseQuery(x.Request().Query)
	at := time.Now()
	if text := query.Get("time"); err == nil && text != "" {
		var ms int64
		ms, err = strconv.ParseInt(text, 10, 64)
		at = time.UnixMilli(ms)
	}
	if err != nil || code == nil {
		answer(x, 400, "text/plain; charset=utf-8", []byte("try "+scheduledPath+"?cron=*/5+*+*+*+*&time=1764000000000 when the code runs\n"))
		return
	}
	loop, cron := x.Loop(), query.Get("cron")
	go func() {
		status, text := 200, "Ran scheduled event\n"
		if f := code.Run(runtime.Job{Handler: "scheduled", Name: cron, Event: &binding.Scheduled{Cron: cron, At: at}}); f != nil {
			status, text = 500, f.Error()+"\n"
		}
		loop.Post(func() { answer(x, status, "text/plain; charset=utf-8", []byte(text)) }) // else nobody waits
	}()
}
