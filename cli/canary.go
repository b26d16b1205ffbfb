package cli

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/cookie"
)

// canary is a version that a share of the visitors gets, beside the one that the others get. It ends by itself when it does
// worse.
type canary struct {
	app     *app
	version string
	share   int // of visitors, in percent
	counter uint64

	own, others trials
	over        atomic.Bool
}

// When a canary ends by itself. Until there are so many answers nobody can tell.
const (
	canaryAnswersMin = 50   // for failures,
	canarySlowMin    = 200  // and for the slowest hundredth
	canaryFailedMin  = 3    // answers that failed,
	canaryWorse      = 0.02 // and that share more of them than the others have
	canarySlower     = 2    // times the others' 99th percentile, and
	canarySlowFloor  = 50 * time.Millisecond
)

// trials are the answers of one version.
type trials struct {
	all, failed atomic.Int64
	buckets     [40]atomic.Int64 // by the binary logarithm of their duration in microseconds, two for each doubling
}

func (t *trials) observe(r *edge.Record) {
	t.all.Add(1)
	if r.Status >= 500 && r.Refusal == "" {
		t.failed.Add(1)
	}
	us := uint64(max(r.Duration.Microseconds(), 1))
	i := 2 * (bits.Len64(us) - 1)
	if i > 0 && us>>(bits.Len64(us)-2)&1 == 1 { // the upper half of the doubling
		i++
	}
	t.buckets[min(i, len(t.buckets)-1)].Add(1)
}

// p99 is the upper bound of the bucket with the 99th percentile.
func (t *trials) p99() time.Duration {
	left := t.all.Load() / 100
	for i := len(t.buckets) - 1; i > 0; i-- {
		if left -= t.buckets[i].Load(); left < 0 {
			low := time.Microsecond << (i / 2)
			return low + low/2*time.Duration(1+i%2)
		}
	}
	return time.Microsecond
}

// worse says why the canary has to end, or nothing.
func (c *canary) worse() string {
	all, failed := c.own.all.Load(), c.own.failed.Load()
	if all >= canaryAnswersMin && failed >= canaryFailedMin {
		rate, usual := float64(failed)/float64(all), 0.0
		if n := c.others.all.Load(); n > 0 {
			usual = float64(c.others.failed.Load()) / float64(n)
		}
		if rate >= usual+canaryWorse {
			return fmt.Sprintf("%d of its %d answers failed (%.1f %%), of the others' %.1f %%", failed, all, 100*rate, 100*usual)
		}
	}
	if all >= canarySlowMin && c.others.all.Load() >= canarySlowMin {
		if own, usual := c.own.p99(), c.others.p99(); own > canarySlower*usual && own > canarySlowFloor {
			return fmt.Sprintf("its 99th percentile is %v, the others' %v", own, usual)
		}
	}
	return ""
}

// canaryCookie keeps a visitor at the version that they were given first: also one without a session, and one whose session
// gets a new id.
const canaryCookie = "fortuna_canary"

// takes reports whether a request gets the canary, and the value of the cookie that the answer has to set, or "".
func (c *canary) takes(q *exchange.Request) (yes bool, set string) {
	for i := range q.Header {
		if !exchange.EqualFold(q.Header[i].Name, "Cookie") {
			continue
		}
		for _, pair := range cookie.Parse(q.Header[i].Value) {
			if version, part, ok := strings.Cut(pair.Value, "."); ok && pair.Name == canaryCookie && version == c.version {
				return part == "1", ""
			}
		}
	}
	if rand.IntN(100) < c.share {
		return true, c.version + ".1"
	}
	return false, c.version + ".0"
}

// pinned is an exchange whose answer tells the visitor's browser which version it was.
type pinned struct {
	exchange.Exchange
	value string
}

// canaryCookieLife is how long a visitor stays at a version, in seconds: a canary is rarely longer in force.
const canaryCookieLife = 24 * 60 * 60

func (x pinned) Head(status int, header []exchange.Field) {
	for i := range header {
		if exchange.EqualFold(header[i].Name, "Cache-Control") && (strings.Contains(header[i].Value, "public") || strings.Contains(header[i].Value, "s-maxage")) {
			x.Exchange.Head(status, header) // others would get the cookie from a cache
			return
		}
	}
	attributes := fmt.Sprintf("; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", canaryCookieLife)
	if x.Request().TLS {
		attributes += "; Secure"
	}
	own := append([]exchange.Field{}, header...) // which may be a constant answer's, that all requests share
	x.Exchange.Head(status, append(own, exchange.Field{Name: "Set-Cookie", Value: canaryCookie + "=" + x.value + attributes}))
}
