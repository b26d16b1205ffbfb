package cli

import (
	"strconv"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/runtime"
)

// edgeLimits are the limits of connections that fortuna.toml may set, beside those of runtime.
var edgeLimits = []struct {
	key, unit string
	set       func(l *edge.Limits, n int)
}{
	{"body_bytes", "bytes", func(l *edge.Limits, n int) { l.HTTP.BodyBytesMax = int64(n) }},
	{"body_buffer_bytes", "bytes", func(l *edge.Limits, n int) { l.BodyBufferBytes = n }},
	{"header_bytes", "bytes", func(l *edge.Limits, n int) { l.HTTP.HeaderBytesMax, l.HTTP.HeaderLineBytesMax = n, n }},
	{"handshake_ms", "ms", func(l *edge.Limits, n int) { l.HandshakeDeadline = time.Duration(n) * time.Millisecond }},
	{"head_ms", "ms", func(l *edge.Limits, n int) { l.HeadDeadline = time.Duration(n) * time.Millisecond }},
	{"body_ms", "ms", func(l *edge.Limits, n int) { l.BodyDeadline = time.Duration(n) * time.Millisecond }},
	{"write_ms", "ms", func(l *edge.Limits, n int) { l.WriteDeadline = time.Duration(n) * time.Millisecond }},
	{"idle_ms", "ms", func(l *edge.Limits, n int) { l.IdleDeadline = time.Duration(n) * time.Millisecond }},
	{"connections_max", "connections", func(l *edge.Limits, n int) { l.ConnectionsMax = n }},
	{"per_ip_max", "connections", func(l *edge.Limits, n int) { l.PerIPMax = n }},
	{"streams_max", "requests", func(l *edge.Limits, n int) { l.StreamsMax = n }},
	{"resets_max", "streams", func(l *edge.Limits, n int) { l.ResetsMax = n }},
	{"controls_max", "frames", func(l *edge.Limits, n int) { l.ControlsMax = n }},
}

// limits are the defaults with what [limits] changes.
func (c *config) limits() (runtime.Limits, edge.Limits, error) {
	inside, outside := runtime.DefaultLimits(), edge.DefaultLimits()
	var keys []string
	for _, row := range inside.Table() {
		keys = append(keys, row.Key)
	}
	for _, row := range edgeLimits {
		keys = append(keys, row.key)
	}
	for _, v := range c.Limits {
		if err := setLimit(&inside, &outside, v, keys); err != nil {
			return inside, outside, err
		}
	}
	return inside, outside, nil
}

func setLimit(inside *runtime.Limits, outside *edge.Limits, v value, keys []string) error {
	key := v.path[len(v.path)-1]
	for _, row := range edgeLimits {
		if row.key == key {
			n, ok := v.v.(int64)
			if !ok || n <= 0 || n > 1<<31 {
				return v.expected("a whole number of " + row.unit + " above 0")
			}
			row.set(outside, int(n))
			return nil
		}
	}
	for _, row := range inside.Table() {
		if row.Key == key {
			n, ok := v.v.(int64)
			if !ok {
				return v.expected("a whole number of " + row.Unit + " above 0")
			}
			if err := inside.Set(key, strconv.FormatInt(n, 10)); err != nil {
				return v.wrong("", "%v", err)
			}
			return nil
		}
	}
	hint := suggest(key, keys)
	if hint == "" {
		hint = "known limits: " + list(keys)
	}
	return v.wrong(hint, "unknown key %q", v.key())
}
