package kv

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Entry is a key and its value at one revision.
type Entry struct {
	Key     string
	Value   []byte // nil when Deleted; nobody may change it
	Meta    string // what the writer attached, of MetaBytesMax at most
	Rev     uint64 // of the whole bucket: a later write of any key has a higher one
	Written time.Time
	Expires time.Time // zero: never
	Deleted bool      // by Delete, or because its time to live is over
	Expired bool      // then, which is not known of one that was gone when this process began to look
	Pieces  int       // that the value is kept in, and Whole fetches; 0: it is in Value
}

// Live reports whether there is a value at time now.
func (e *Entry) Live(now time.Time) bool {
	return !e.Deleted && (e.Expires.IsZero() || now.Before(e.Expires))
}

// fade makes it what it is at time now: the server removes what has expired up to a second late.
func (e *Entry) fade(now time.Time) {
	if !e.Live(now) {
		e.Expired = e.Expired || !e.Deleted
		e.Value, e.Pieces, e.Deleted = nil, 0, true
	}
}

// Left is the time it has to live, in whole seconds, at least one; 0 when it does not expire.
func (e *Entry) Left() time.Duration {
	if e.Expires.IsZero() {
		return 0
	}
	return max(time.Until(e.Expires).Truncate(time.Second), time.Second)
}

// Header fields of messages.
const (
	headerOperation  = "KV-Operation"       // of JetStream's KeyValue, so that its tools read our buckets
	headerMarker     = "Nats-Marker-Reason" // the server deleted it: MaxAge, Purge or Remove
	headerRollup     = "Nats-Rollup"
	headerTTL        = "Nats-TTL" // seconds, or a duration
	headerID         = "Nats-Msg-Id"
	headerExpected   = "Nats-Expected-Last-Subject-Sequence"
	headerExpectedOf = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerSubject    = "Nats-Subject"
	headerSequence   = "Nats-Sequence"
	headerTime       = "Nats-Time-Stamp"
	headerMeta       = "Fortuna-Meta"
)

// entryOf reads what the server tells of a message. It leaves Key to the caller, who knows the space.
func entryOf(h nats.Header, value []byte, seq uint64, at time.Time) Entry {
	e := Entry{Rev: seq, Written: at, Meta: h.Get(headerMeta)}
	if marker := h.Get(headerMarker); marker != "" || h.Get(headerOperation) != "" {
		e.Deleted, e.Expired = true, marker == "MaxAge"
		return e
	}
	e.Value = value
	if text := h.Get(headerPieces); text != "" {
		n, err := strconv.Atoi(text)
		if e.Pieces = n; err != nil || n == 0 {
			e.Pieces = -1 // which Whole refuses
		}
	}
	if ttl := parseTTL(h.Get(headerTTL)); ttl > 0 {
		e.Expires = at.Add(ttl)
	}
	return e
}

// parseTTL reads seconds or a duration; what is neither never expires, as for the server.
func parseTTL(s string) time.Duration {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Duration(n) * time.Second
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d
}

// place is where a message stands in its stream.
func place(h nats.Header) (subject string, seq uint64, at time.Time, err error) {
	subject = h.Get(headerSubject)
	if seq, err = strconv.ParseUint(h.Get(headerSequence), 10, 64); err != nil || subject == "" {
		return "", 0, at, fmt.Errorf("kv: the server sent a message without its place: %q", h.Get(headerSequence))
	}
	at, err = time.Parse(time.RFC3339Nano, h.Get(headerTime))
	if err != nil {
		return "", 0, at, fmt.Errorf("kv: the server sent a message without its time: %w", err)
	}
	return subject, seq, at, nil
}

// parseHeader reads the header of a stored message: "NATS/1.0", fields, and an empty line.
func parseHeader(raw []byte) nats.Header {
	h := nats.Header{}
	lines := strings.Split(string(raw), "\r\n")
	for _, line := range lines[1:] {
		if name, value, ok := strings.Cut(line, ":"); ok {
			// The server adds fields behind those of the writer.
			h[strings.TrimSpace(name)] = append(h[strings.TrimSpace(name)], strings.TrimSpace(value))
		}
	}
	return h
}
