package web

import (
	"strings"
	"time"
	_ "time/tzdata" // a node need not have the database
)

// zone is a time zone of the IANA database.
type zone struct {
	name     string
	location *time.Location
}

// zoneAliases are the names that all mean UTC.
var zoneAliases = map[string]bool{"utc": true, "gmt": true, "etc/utc": true, "etc/gmt": true, "etc/uct": true, "etc/zulu": true, "zulu": true, "uct": true}

// findZone looks name up, whatever the case of its letters; "" is the node's own zone. It returns nil when there is none.
func findZone(name string) *zone {
	if name == "" {
		if name = time.Local.String(); name == "Local" {
			if _, offset := time.Now().Zone(); offset == 0 {
				return &zone{"UTC", time.UTC}
			}
			return &zone{time.Now().Format("-07:00"), time.Local}
		}
	}
	if zoneAliases[strings.ToLower(name)] {
		return &zone{"UTC", time.UTC}
	}
	if t, err := time.Parse("-07:00", name); err == nil {
		_, offset := t.Zone()
		return &zone{name, time.FixedZone(name, offset)}
	}
	if strings.EqualFold(name, "Local") || strings.Contains(name, "..") {
		return nil
	}
	for _, spelling := range []string{name, titled(name), strings.ToUpper(name)} {
		if location, err := time.LoadLocation(spelling); err == nil {
			return &zone{spelling, location}
		}
	}
	return nil
}

// titled spells a name of any case as the database does: "america/new_york" is America/New_York.
func titled(name string) string {
	b := []byte(strings.ToLower(name))
	start := true
	for i, c := range b {
		if start && 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		start = c == '/' || c == '_' || c == '-'
	}
	return string(b)
}

// at returns the abbreviation of the zone and its seconds east of UTC, at a time in milliseconds.
func (z *zone) at(milliseconds int64) (abbreviation string, offset int) {
	return time.UnixMilli(milliseconds).In(z.location).Zone()
}
