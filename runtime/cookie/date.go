package cookie

import (
	"strings"
	"time"
)

// parseDate reads a date as clients do, in any of the many spellings that servers send (RFC 6265bis 5.1.1).
func parseDate(s string) (t time.Time, ok bool) {
	year, month, day, clock := -1, -1, -1, []int(nil)
	for _, token := range strings.FieldsFunc(s, isDateDelimiter) {
		if clock == nil {
			if c := parseClock(token); c != nil {
				clock = c
				continue
			}
		}
		if day < 0 {
			if n := leadingNumber(token, 1, 2); n >= 0 {
				day = n
				continue
			}
		}
		if month < 0 && len(token) >= 3 {
			if i := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(token[:3])); i >= 0 && i%3 == 0 {
				month = i/3 + 1
				continue
			}
		}
		if year < 0 {
			year = leadingNumber(token, 2, 4)
		}
	}
	switch {
	case year >= 70 && year <= 99:
		year += 1900
	case year >= 0 && year <= 69:
		year += 2000
	}
	if clock == nil || month < 0 || year < 1601 || clock[0] > 23 || clock[1] > 59 || clock[2] > 59 {
		return time.Time{}, false
	}
	t = time.Date(year, time.Month(month), day, clock[0], clock[1], clock[2], 0, time.UTC)
	return t, t.Day() == day // time.Date takes the 30th of February for one of March
}

func isDateDelimiter(r rune) bool {
	return r == '\t' || ' ' <= r && r <= '/' || ';' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
}

// parseClock reads h:m:s, each of one or two digits, and ignores what is behind it; nil if s is something else.
func parseClock(s string) []int {
	parts := strings.SplitN(s, ":", 3)
	if len(parts) < 3 {
		return nil
	}
	clock := make([]int, 3)
	for i, p := range parts {
		if clock[i] = leadingNumber(p, 1, 2); clock[i] < 0 || i < 2 && strings.Trim(p, "0123456789") != "" {
			return nil
		}
	}
	return clock
}

// leadingNumber is the number that s begins with, if it has least to most digits; -1 if it has not.
func leadingNumber(s string, least, most int) int {
	n, i := 0, 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if i == most {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	if i < least {
		return -1
	}
	return n
}
