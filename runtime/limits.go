package runtime

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fortunadws/fortuna/runtime/web"
)

// Limits bound what code may use. Start from DefaultLimits. Every field is a row of Table, where its config key, unit
// and reason stand.
type Limits struct {
	CPU            time.Duration
	StartUp        time.Duration
	Wall           time.Duration
	WaitUntil      time.Duration
	CallStackMax   int
	OperationsMax  int
	InflightMax    int
	QueueMax       int
	FetchBytesMax  int
	TurnBytesMax   int
	TopicsMax      int
	SocketBytesMax int
	State          time.Duration
	Job            time.Duration
	JobCPU         time.Duration
}

// DefaultLimits are the limits of an app that sets none.
func DefaultLimits() Limits {
	return Limits{
		CPU:            50 * time.Millisecond,
		StartUp:        time.Second,
		Wall:           30 * time.Second,
		WaitUntil:      30 * time.Second,
		CallStackMax:   2000,
		OperationsMax:  1000,
		InflightMax:    10_000,
		QueueMax:       1000,
		FetchBytesMax:  web.FetchResponseBytes,
		TurnBytesMax:   256 << 20,
		TopicsMax:      100,
		SocketBytesMax: 64 << 10,
		State:          10 * time.Second,
		Job:            15 * time.Minute,
		JobCPU:         30 * time.Second,
	}
}

// LimitRow is one limit for a person: what fortuna.toml calls it, its value in its unit, the status that answers who passes
// it (0: code sees an error, or nobody is answered), and why it is there.
type LimitRow struct {
	Key    string
	Value  int64
	Unit   string
	Status int
	Reason string
}

// limitFields ties a config key to its field, in the order they are shown.
var limitFields = []struct {
	key, unit, reason string
	status            int
	duration          func(*Limits) *time.Duration
	count             func(*Limits) *int
}{
	{key: "cpu_ms", unit: "ms", status: 503, reason: "time an invocation may compute, over all its turns, before it is stopped",
		duration: func(l *Limits) *time.Duration { return &l.CPU }},
	{key: "startup_ms", unit: "ms", reason: "time the top level of a bundle may compute",
		duration: func(l *Limits) *time.Duration { return &l.StartUp }},
	{key: "wall_ms", unit: "ms", status: 504, reason: "time from a request's arrival until its answer must be ready",
		duration: func(l *Limits) *time.Duration { return &l.Wall }},
	{key: "wait_until_ms", unit: "ms", reason: "time ctx.waitUntil may go on after the answer",
		duration: func(l *Limits) *time.Duration { return &l.WaitUntil }},
	{key: "call_stack_max", unit: "calls", status: 500, reason: "depth of JavaScript calls: the VM's stack grows on the Go heap",
		count: func(l *Limits) *int { return &l.CallStackMax }},
	{key: "operations_max", unit: "operations", reason: "timers, fetches and other operations one invocation has open at once",
		count: func(l *Limits) *int { return &l.OperationsMax }},
	{key: "in_flight_max", unit: "invocations", status: 503, reason: "invocations parked at their awaits in one VM",
		count: func(l *Limits) *int { return &l.InflightMax }},
	{key: "queue_max", unit: "requests", status: 503, reason: "requests that wait for a VM before more are answered 503",
		count: func(l *Limits) *int { return &l.QueueMax }},
	{key: "fetch_response_bytes", unit: "bytes", reason: "body of a response to fetch: it is held in memory when code reads it whole",
		count: func(l *Limits) *int { return &l.FetchBytesMax }},
	{key: "turn_bytes", unit: "bytes", status: 503, reason: "the heap may grow by during one turn of a handler: what is unbounded is stopped before memory is out",
		count: func(l *Limits) *int { return &l.TurnBytesMax }},
	{key: "topics_max", unit: "topics", reason: "topics that one WebSocket may subscribe to",
		count: func(l *Limits) *int { return &l.TopicsMax }},
	{key: "socket_data_bytes", unit: "bytes", reason: "ws.data of one WebSocket: it is kept for as long as the socket is open",
		count: func(l *Limits) *int { return &l.SocketBytesMax }},
	{key: "state_ms", unit: "ms", status: 503, reason: "time that the state store is asked before it counts as unavailable: a cluster replaces a lost leader within it",
		duration: func(l *Limits) *time.Duration { return &l.State }},
	{key: "job_ms", unit: "ms", reason: "time that a queue or scheduled handler may take",
		duration: func(l *Limits) *time.Duration { return &l.Job }},
	{key: "job_cpu_ms", unit: "ms", reason: "time that a queue or scheduled handler may compute, over all its turns",
		duration: func(l *Limits) *time.Duration { return &l.JobCPU }},
}

// Table lists every limit.
func (l Limits) Table() []LimitRow {
	var rows []LimitRow
	for _, f := range limitFields {
		row := LimitRow{Key: f.key, Unit: f.unit, Status: f.status, Reason: f.reason}
		if f.duration != nil {
			row.Value = f.duration(&l).Milliseconds()
		} else {
			row.Value = int64(*f.count(&l))
		}
		rows = append(rows, row)
	}
	return rows
}

// Set changes the limit with the config key given; value is a positive whole number in the limit's unit.
func (l *Limits) Set(key, value string) error {
	for _, f := range limitFields {
		if f.key != key {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n <= 0 || n > 1<<31 {
			return fmt.Errorf("limits.%s must be a whole number of %s above 0, got %q", key, f.unit, value)
		}
		if f.duration != nil {
			*f.duration(l) = time.Duration(n) * time.Millisecond
		} else {
			*f.count(l) = n
		}
		return nil
	}
	return fmt.Errorf("there is no limit called %q", key)
}
