package embedded

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// journal hands the server's warnings and errors to our log. Its notices are details of a part that works.
type journal struct {
	log   *slog.Logger
	fatal atomic.Pointer[string] // why the server does not start
}

func (j *journal) say(level func(*slog.Logger, string, ...any), format string, v []any) {
	if j.log != nil {
		level(j.log, "state store", "says", fmt.Sprintf(format, v...))
	}
}

func (j *journal) Noticef(string, ...any)        {}
func (j *journal) Debugf(string, ...any)         {}
func (j *journal) Tracef(string, ...any)         {}
func (j *journal) Warnf(format string, v ...any) { j.say((*slog.Logger).Warn, format, v) }
func (j *journal) Errorf(format string, v ...any) {
	level := (*slog.Logger).Error
	if strings.Contains(format, "connect to route") { // a member that is not there yet, or is away, is tried again each second
		level = (*slog.Logger).Debug
	}
	j.say(level, format, v)
}

// Fatalf must not end the process: the server goes no further by itself.
func (j *journal) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	j.fatal.CompareAndSwap(nil, &why)
}
