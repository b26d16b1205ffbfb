package binding

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
	"github.com/netresearch/go-cron"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Cron is when a scheduled handler is called.
type Cron struct {
	Text     string // as it was written
	schedule cron.Schedule
	zone     *time.Location
	hourly   bool // it names no hour
}

// cronParser reads five fields (minute, hour, day of month, month, day of week), six with seconds before them, and names like
// @daily. As in every cron, of a day of the month and a day of the week one is enough.
var cronParser = cron.MustNewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow |
	cron.Descriptor | cron.Extended | cron.DowOrDom)

// cronBytesMax bounds an expression: it names the queue of its ticks.
const cronBytesMax = 256

// ParseCron reads an expression. zone is that of its times unless it begins with "TZ=Europe/Berlin ".
func ParseCron(text string, zone *time.Location) (Cron, error) {
	written := strings.TrimSpace(text)
	if len(written) > cronBytesMax {
		return Cron{}, fmt.Errorf("it has %d characters, at most %d are allowed", len(written), cronBytesMax)
	}
	if strings.HasPrefix(written, "@every") {
		return Cron{}, fmt.Errorf("@every begins when a node does, and nodes begin at different times: write fields, like */5 * * * *")
	}
	spec := written
	if name, rest, ok := strings.Cut(strings.TrimPrefix(spec, "CRON_"), " "); ok && strings.HasPrefix(name, "TZ=") {
		var err error
		if zone, err = time.LoadLocation(strings.TrimPrefix(name, "TZ=")); err != nil {
			return Cron{}, err
		}
		spec = strings.TrimSpace(rest)
	}
	schedule, err := cronParser.Parse("TZ=" + zone.String() + " " + spec)
	if err != nil {
		return Cron{}, err
	}
	c := Cron{Text: written, schedule: schedule, zone: zone, hourly: spec == "@hourly"}
	if fields := strings.Fields(spec); len(fields) >= 5 {
		c.hourly = strings.HasPrefix(fields[len(fields)-4], "*")
	}
	if c.Next(time.Now()).IsZero() {
		return Cron{}, fmt.Errorf("there is no such day")
	}
	return c, nil
}

// Next is the first time after a moment; zero when there is none. In the hour that comes twice when clocks go back, a time of
// the day comes once.
func (c Cron) Next(after time.Time) time.Time {
	for {
		at := c.schedule.Next(after)
		if at.IsZero() || c.hourly || !again(at.In(c.zone)) {
			return at
		}
		after = at
	}
}

// again reports whether clocks have shown the same time an hour before.
func again(at time.Time) bool {
	former := at.Add(-time.Hour)
	return former.Hour() == at.Hour() && former.Day() == at.Day()
}

// Ticker has the scheduled handler called at the times of a cron: of all nodes that have it, one calls it.
type Ticker struct {
	Queue *kv.Queue // of this cron's ticks
	Cron  Cron
	// Run calls the handler. That it fails has been reported, and changes nothing.
	Run func(event web.Binding)
	Log *slog.Logger
}

// TickKept is how long a tick that no node takes is kept, and how long it is remembered that it has been sent.
const TickKept = time.Hour

// ticksMax is how many calls of the handler for one cron a node has under way.
const ticksMax = 16

// Work sends ticks and takes them until ctx ends, and what it has begun has ended.
func (t *Ticker) Work(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { t.send(ctx) })
	running := make(chan struct{}, ticksMax)
	receive(ctx, t.Queue, 1, 0, t.Log.With("cron", t.Cron.Text), func(batch []*kv.Delivery) {
		running <- struct{}{}
		wait.Go(func() {
			t.call(batch[0])
			<-running
		})
	})
	wait.Wait()
}

// send sends each tick. Every node does: by its id only the first is kept.
func (t *Ticker) send(ctx context.Context) {
	last := time.Now()
	for {
		at := t.Cron.Next(last)
		if at.IsZero() || !sleep(ctx, at) {
			return
		}
		once, cancel := context.WithTimeout(ctx, TickKept/2)
		err := t.Queue.Send(once, kv.Message{ID: strconv.FormatInt(at.Unix(), 36), Body: strconv.AppendInt(nil, at.UnixMilli(), 10)})
		cancel()
		if err != nil && ctx.Err() == nil {
			t.Log.Error("cron", "cron", t.Cron.Text, "at", at, "err", err)
		}
		// A clock that is set back brings no tick twice, and one that stood still not all that were missed.
		if last = at; time.Since(last) > time.Minute {
			last = time.Now()
		}
	}
}

// sleep waits until the clock says at, however it is set meanwhile. It reports false when ctx ends before.
func sleep(ctx context.Context, at time.Time) bool {
	for {
		left := time.Until(at.Round(0)) // by the wall clock, not by the time that has passed
		if left <= 0 {
			return true
		}
		select {
		case <-time.After(min(left, time.Minute)):
		case <-ctx.Done():
			return false
		}
	}
}

// call runs the handler for a tick.
func (t *Ticker) call(d *kv.Delivery) {
	ms, err := strconv.ParseInt(string(d.Body), 10, 64)
	if err == nil {
		stop := working([]*delivered{{Delivery: d}})
		t.Run(&Scheduled{t.Cron.Text, time.UnixMilli(ms)})
		stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleWait)
	defer cancel()
	if err := d.Done(ctx); err != nil {
		t.Log.Warn("cron", "cron", t.Cron.Text, "err", err)
	}
}

// Scheduled is what a scheduled handler gets: Workers' ScheduledController.
type Scheduled struct {
	Cron string
	At   time.Time
}

var scheduledClass = web.NewClass("ScheduledController")

func init() {
	scheduledClass.Define([]web.Member{
		web.Getter("cron", func(r *web.Realm, s *Scheduled) goja.Value { return r.VM.ToValue(s.Cron) }),
		web.Getter("scheduledTime", func(r *web.Realm, s *Scheduled) goja.Value { return r.VM.ToValue(s.At.UnixMilli()) }),
		web.Getter("type", func(r *web.Realm, _ *Scheduled) goja.Value { return r.VM.ToValue("scheduled") }),
		// A run that fails is not made again anyway.
		web.Method("noRetry", 0, func(*web.Realm, *Scheduled, goja.FunctionCall) goja.Value { return goja.Undefined() }),
	}, "")
}

// Value is the event in one VM.
func (s *Scheduled) Value(r *web.Realm) goja.Value { return r.Make(scheduledClass, s) }
