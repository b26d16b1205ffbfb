package tls

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// lines is a log that a test can wait for.
type lines struct {
	got chan string
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) Write(p []byte) (int, error) {
	l.got <- string(p)
	return len(p), nil
}

// wait returns when a line with part was written.
func (l *lines) wait(t *testing.T, part string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line := <-l.got:
			if strings.Contains(line, part) {
				return
			}
		case <-deadline:
			t.Fatalf("no line of the log says %q", part)
		}
	}
}
