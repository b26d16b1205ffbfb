package exchange

import (
	"strings"
	"testing"
)

func TestNewTrace(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, tt := range []struct {
		name, text string
		goesOn     bool
	}{
		{"as specified", "00-" + id + "-" + parent + "-01", true},
		{"not recorded", "00-" + id + "-" + parent + "-00", true},
		{"unknown flags", "00-" + id + "-" + parent + "-ff", true},
		{"a later version", "01-" + id + "-" + parent + "-01-more", true},
		{"a later version without more", "cc-" + id + "-" + parent + "-01", true},
		{"a later version that runs on", "01-" + id + "-" + parent + "-01more", false},
		{"this version with more", "00-" + id + "-" + parent + "-01-more", false},
		{"version ff", "ff-" + id + "-" + parent + "-01", false},
		{"upper case", "00-" + strings.ToUpper(id) + "-" + parent + "-01", false},
		{"no trace", "00-" + strings.Repeat("0", 32) + "-" + parent + "-01", false},
		{"no parent", "00-" + id + "-" + strings.Repeat("0", 16) + "-01", false},
		{"short", "00-" + id + "-" + parent, false},
		{"a dash astray", "00-" + id[:31] + "-0" + parent + "-01", false},
		{"empty", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trace := NewTrace(tt.text)
			if got := trace.TraceID() == id; got != tt.goesOn {
				t.Errorf("the trace is %s; goes on: %v, want %v", trace.TraceID(), got, tt.goesOn)
			}
			if trace.SpanID() == parent || len(trace.SpanID()) != 16 {
				t.Errorf("the span is %q, want one of our own", trace.SpanID())
			}
			again, ok := parseTraceparent(trace.Traceparent())
			if !ok || again.ID != trace.ID || again.Flags != trace.Flags {
				t.Errorf("%q does not lead on to the same trace", trace.Traceparent())
			}
		})
	}
	if recorded := NewTrace("00-" + id + "-" + parent + "-03"); recorded.Flags != 1 {
		t.Errorf("flags %d, want 1: those that are unknown are not passed on", recorded.Flags)
	}
	if (Trace{}).Traceparent() != "" || (Trace{}).TraceID() != "" || (Trace{}).SpanID() != "" {
		t.Error("no trace has a name")
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, text string) {
		if trace, ok := parseTraceparent(text); ok && !strings.Contains(text, trace.TraceID()) {
			t.Errorf("%q is read as trace %s", text, trace.TraceID())
		}
	})
}
