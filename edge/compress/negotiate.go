package compress

import "strings"

// acceptMax is how many members of an Accept-Encoding are looked at; there are not half as many codings.
const acceptMax = 32

// qualityMax is a weight of 1, in thousandths.
const qualityMax = 1000

// Negotiate chooses the coding for a client that sent Accept-Encoding (RFC 9110 section 12.5.3), of those that are offered
// besides Identity: the one of the highest weight, the first offered among equals. Without the field, or when nothing
// offered is acceptable, it is Identity: an answer the client may yet read is better than none.
func Negotiate(accept string, offers []Coding) Coding {
	var weights [8]int // of each offer; -1: not named
	if len(offers) > len(weights) {
		offers = offers[:len(weights)]
	}
	for i := range weights {
		weights[i] = -1
	}
	identity, others := -1, -1
	for range acceptMax {
		if accept == "" {
			break
		}
		var member string
		member, accept, _ = strings.Cut(accept, ",")
		name, weight := parseMember(member)
		switch {
		case name == "*":
			others = weight
		case strings.EqualFold(name, "identity"):
			identity = weight
		case strings.EqualFold(name, "x-gzip"): // RFC 9110 section 8.4.1.3
			name = string(Gzip)
		}
		for i, c := range offers {
			if strings.EqualFold(name, string(c)) {
				weights[i] = weight
			}
		}
	}
	best, most := Identity, max(identity, 0)
	for i, c := range offers {
		weight := weights[i]
		if weight < 0 {
			weight = others
		}
		if weight > most || weight == most && weight > 0 && best == Identity {
			best, most = c, weight
		}
	}
	return best
}

// parseMember reads "name;q=0.5". A member with a weight that is none weighs nothing: it is not what the client means by
// yes.
func parseMember(member string) (name string, weight int) {
	name, rest, weighted := strings.Cut(member, ";")
	name = strings.Trim(name, " \t")
	if !weighted {
		return name, qualityMax
	}
	key, value, _ := strings.Cut(rest, "=")
	if !strings.EqualFold(strings.Trim(key, " \t"), "q") {
		return name, 0
	}
	return name, parseWeight(strings.Trim(value, " \t"))
}

// parseWeight reads a qvalue (RFC 9110 section 12.4.2) in thousandths; 0 if it is none.
func parseWeight(text string) int {
	if text == "" || len(text) > len("0.000") || len(text) > 1 && text[1] != '.' {
		return 0
	}
	weight, unit := 0, qualityMax
	for i := range len(text) {
		if i == 1 {
			continue
		}
		c := text[i]
		if c < '0' || c > '9' {
			return 0
		}
		weight += int(c-'0') * unit
		unit /= 10
	}
	if weight > qualityMax {
		return 0
	}
	return weight
}
