package cli

import (
	"context"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// rateLimitTable is [rate_limit.NAME] of fortuna.toml.
type rateLimitTable struct {
	Limit, Period int // calls, in so many seconds
	at            value
}

// ratePeriodMax bounds a period: counters are kept for twice as long.
const ratePeriodMax = 3600

// rateLimit reads a table [rate_limit.NAME].
func (c *config) rateLimit(v value) error {
	name, table, err := v.named("[rate_limit.LOGIN]\nlimit = 5\nperiod_s = 60")
	if err != nil {
		return err
	}
	t := rateLimitTable{Period: 60, at: v}
	err = v.members(table, map[string]func(value) error{
		"limit":    func(v value) (err error) { t.Limit, err = v.integer(1, 1<<31); return },
		"period_s": func(v value) (err error) { t.Period, err = v.integer(1, ratePeriodMax); return },
	})
	if err == nil && t.Limit == 0 {
		err = v.wrong("limit = 5", "%s: limit must say how many calls of a key are let through in a period", v.key())
	}
	if c.RateLimits == nil {
		c.RateLimits = map[string]rateLimitTable{}
	}
	c.RateLimits[name] = t
	return err
}

// rateLimits adds those of the project to its bindings.
func (s *state) rateLimits(p *project, wait time.Duration, bindings map[string]web.Binding) error {
	for name, t := range p.config.RateLimits {
		if err := p.free(name, t.at, bindings); err != nil {
			return err
		}
		b := &binding.RateLimit{Name: name, App: p.name(), Limit: int64(t.Limit), Period: time.Duration(t.Period) * time.Second, Wait: wait}
		bindings[name] = b
		if s == nil {
			continue
		}
		var err error
		if b.Counters, err = s.counters(); err != nil {
			return err
		}
	}
	return nil
}

// counters opens those of rate limits, once.
func (s *store) counters() (*kv.Counters, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil || s.rates != nil {
		return s.rates, err
	}
	ctx, cancel := context.WithTimeout(s.within, stateOpens)
	defer cancel()
	c, err := s.values.Counters(ctx, "rates", 2*ratePeriodMax*time.Second)
	if err != nil {
		return nil, failed("", "%v", err)
	}
	s.rates = c
	return c, nil
}

// free says whether a name in env is nobody's yet.
func (p *project) free(name string, at value, bindings map[string]web.Binding) error {
	_, variable := p.config.Vars[name]
	if _, taken := bindings[name]; taken || variable {
		return at.wrong("choose another name", "%s: env.%s is something else already", at.key(), name)
	}
	return nil
}
