package admin

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// What is measured. Durations are in seconds, as Prometheus asks.
var (
	requests = desc("requests_total", "Answers, by the route that led to them and their status.", "app", "route", "status")
	refusals = desc("refusals_total", "Answers that the edge gave without a handler, by their code.", "app", "code")
	failures = desc("failures_total", "Requests and other work of handlers that failed, by their code.", "app", "code")
	duration = desc("request_duration_seconds", "From the head of a request to the whole of its answer.", "app", "route")

	inflight    = desc("requests_in_flight", "Requests whose handler awaits something.")
	connections = desc("connections", "Connections now: on an event loop, or carried by a goroutine because they are slow.", "state")
	websockets  = desc("websockets", "Open WebSockets.")
	accepted    = desc("connections_accepted_total", "Connections accepted, refused ones included.")
	refused     = desc("connections_refused_total", "Connections refused at the door: too many, or draining.")

	forwarded = desc("upstream_requests_total", "Requests given to another node, retries included.", "node")
	lost      = desc("upstream_failures_total", "Requests that got no whole answer from another node.", "node")
	retried   = desc("upstream_retries_total", "Requests given to a node after another one had failed.", "node")
	ejections = desc("upstream_ejections_total", "Times that a node was left out because it failed.", "node")
	upstreams = desc("upstream_requests_in_flight", "Requests that another node is answering.", "node")
	ejected   = desc("upstream_ejected", "Whether a node is left out now.", "node")

	vms     = desc("vms", "Virtual machines with the app loaded: warm is all of them, busy those that compute.", "app", "state")
	queued  = desc("requests_queued", "Requests that wait for a virtual machine.", "app")
	retired = desc("vms_retired_total", "Virtual machines discarded because their state was in doubt.", "app")
	stopped = desc("turns_stopped_total", "Turns of handlers that a limit has stopped.", "app", "limit")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fortuna_"+name, help, labels, nil)
}

// collector turns counters into samples when it is asked.
type collector struct {
	source Source
}

// Describe tells every kind of sample.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requests, refusals, failures, duration, inflight, connections, websockets, accepted, refused, vms, queued, retired, stopped, forwarded, lost, retried, ejections, upstreams, ejected} {
		to <- d
	}
}

// Collect tells every sample.
func (c collector) Collect(to chan<- prometheus.Metric) {
	value := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	c.answers(value, to)
	e := c.source.Edge()
	value(inflight, prometheus.GaugeValue, float64(e.Inflight))
	value(connections, prometheus.GaugeValue, float64(e.Open-e.Carried), "loop")
	value(connections, prometheus.GaugeValue, float64(e.Carried), "carried")
	value(websockets, prometheus.GaugeValue, float64(e.Sockets))
	value(accepted, prometheus.CounterValue, float64(e.Accepted))
	value(refused, prometheus.CounterValue, float64(e.Refused))
	for _, n := range c.source.Nodes() {
		value(forwarded, prometheus.CounterValue, float64(n.Requests), n.Name)
		value(lost, prometheus.CounterValue, float64(n.Failures), n.Name)
		value(retried, prometheus.CounterValue, float64(n.Retries), n.Name)
		value(ejections, prometheus.CounterValue, float64(n.Ejections), n.Name)
		value(upstreams, prometheus.GaugeValue, float64(n.Inflight), n.Name)
		out := 0.0
		if n.Ejected {
			out = 1
		}
		value(ejected, prometheus.GaugeValue, out, n.Name)
	}
	for _, a := range c.source.Apps() {
		for code, n := range a.Failures {
			value(failures, prometheus.CounterValue, float64(n), a.Name, code)
		}
		r := &a.Runtime
		value(vms, prometheus.GaugeValue, float64(r.Warm), a.Name, "warm")
		value(vms, prometheus.GaugeValue, float64(r.Busy), a.Name, "busy")
		value(queued, prometheus.GaugeValue, float64(r.Queued), a.Name)
		value(retired, prometheus.CounterValue, float64(r.Retired), a.Name)
		value(stopped, prometheus.CounterValue, float64(r.StoppedCPU), a.Name, "cpu_ms")
		value(stopped, prometheus.CounterValue, float64(r.StoppedMemory), a.Name, "turn_bytes")
	}
}

// latency is the histogram of one route.
type latency struct {
	sum     float64
	buckets []uint64
}

// answers tells what the counters know, the event loops summed up.
func (c collector) answers(value func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string), to chan<- prometheus.Metric) {
	type route struct{ app, pattern string }
	type answer struct {
		route
		status string
	}
	type refusal struct{ app, code string }
	byAnswer, byRefusal, byRoute := map[answer]uint64{}, map[refusal]uint64{}, map[route]*latency{}
	c.source.Counters.each(func(one *cell) {
		at := route{cmp.Or(one.key.app, c.source.App), one.key.route}
		h := byRoute[at]
		if h == nil {
			h = &latency{buckets: make([]uint64, len(one.buckets))}
			byRoute[at] = h
		}
		h.sum += float64(one.sum.Load()) / 1e9
		var n uint64
		for i := range one.buckets {
			got := one.buckets[i].Load()
			h.buckets[i] += got
			n += got
		}
		byAnswer[answer{at, statusLabel(one.key.status)}] += n
		if one.key.refusal != "" {
			byRefusal[refusal{at.app, one.key.refusal}] += n
		}
	})
	for a, n := range byAnswer {
		value(requests, prometheus.CounterValue, float64(n), a.app, a.pattern, a.status)
	}
	for r, n := range byRefusal {
		value(refusals, prometheus.CounterValue, float64(n), r.app, r.code)
	}
	for at, h := range byRoute {
		upTo, n := map[float64]uint64{}, uint64(0)
		for i, bound := range bounds {
			n += h.buckets[i]
			upTo[bound.Seconds()] = n
		}
		n += h.buckets[len(bounds)]
		to <- prometheus.MustNewConstHistogram(duration, n, h.sum, upTo, at.app, at.pattern)
	}
}

// statusLabel is a status as a label. A handler may answer any number, which only its class tells then.
func statusLabel(status int) string {
	switch {
	case status == 0:
		return "gone" // the client had left before there was an answer
	case http.StatusText(status) != "":
		return strconv.Itoa(status)
	default:
		return strconv.Itoa(status/100) + "xx"
	}
}
