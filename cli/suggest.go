package cli

import (
	"fmt"
	"strings"
)

// suggest is the "did you mean" for a word that is none of known, or "" when none is near.
func suggest(word string, known []string) string {
	if best := nearest(word, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// nearest is the word of known that is the fewest edits away, at most a third of its letters, or "".
func nearest(word string, known []string) string {
	best, bestEdits := "", 0
	for _, k := range known {
		if edits := distance(word, k); edits <= max(1, len(k)/3) && edits < len(k) && (best == "" || edits < bestEdits) {
			best, bestEdits = k, edits
		}
	}
	return best
}

// distance is the number of bytes to insert, delete, replace or swap with the next that make b of a.
func distance(a, b string) int {
	const bytesMax = 64 // longer words are nobody's typing mistake
	if len(a) > bytesMax || len(b) > bytesMax {
		return bytesMax
	}
	var before, above, row [bytesMax + 1]int
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}

// list is words for a person: "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
