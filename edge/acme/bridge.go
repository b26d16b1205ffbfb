package acme

import (
	"context"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

// bridge gives what certmagic logs by zap to slog.
type bridge struct {
	log *slog.Logger
}

// levelOf is the level of slog. What certmagic calls information is how the work goes, step by step.
func levelOf(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	case l == zapcore.InfoLevel:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

// Enabled reports whether a level is logged.
func (b *bridge) Enabled(l zapcore.Level) bool {
	return b.log.Enabled(context.Background(), levelOf(l))
}

// With is the bridge with fields on every line.
func (b *bridge) With(fields []zapcore.Field) zapcore.Core {
	return &bridge{b.log.With(attributes(fields)...)}
}

// Check adds the bridge to a line that it logs.
func (b *bridge) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return c.AddCore(e, b)
	}
	return c
}

// Write logs a line.
func (b *bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	b.log.Log(context.Background(), levelOf(e.Level), "certificates: "+e.Message, attributes(fields)...)
	return nil
}

// Sync has nothing to do.
func (b *bridge) Sync() error { return nil }

func attributes(fields []zapcore.Field) []any {
	m := zapcore.NewMapObjectEncoder()
	var list []any
	for _, f := range fields {
		f.AddTo(m)
		if v, ok := m.Fields[f.Key]; ok {
			list = append(list, slog.Any(f.Key, v))
		}
	}
	return list
}
