package http1

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes, as bits of one table.
const (
	classToken  = 1 << iota // tchar, RFC 9110 section 5.6.2: methods, field names, chunk extensions
	classTarget             // may stand in a request target: visible ASCII, and bytes of UTF-8
	classPath               // may stand in a path without a closer look
	classHost               // reg-name of RFC 3986 but "%", and but ",", which is how two Host fields look when joined
	classText               // may stand in a field value: HTAB, SP, visible ASCII, obs-text
	classDigit
	classHex
)

var class = classes()

func classes() (t [256]uint8) {
	add := func(s string, bit uint8) {
		for i := range len(s) {
			t[s[i]] |= bit
		}
	}
	const digits = "0123456789"
	const alnum = digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	add(alnum+"!#$%&'*+-.^_`|~", classToken)
	add(alnum+"-._~!$&'()*+;=", classHost)
	add(digits, classDigit)
	add(digits+"abcdefABCDEF", classHex)
	for c := 0x20; c < 0x100; c++ {
		if c != 0x7f {
			t[c] |= classText
		}
		if c > 0x20 && c != 0x7f {
			t[c] |= classTarget
		}
		if c > 0x20 && c < 0x7f {
			t[c] |= classPath
		}
	}
	t['\t'] |= classText
	for _, c := range `%?#\` {
		t[c] &^= classPath
	}
	return t
}

func is(c byte, bit uint8) bool { return class[c]&bit != 0 }

// every reports whether all bytes of b are of a class.
func every(b []byte, bit uint8) bool {
	for _, c := range b {
		if !is(c, bit) {
			return false
		}
	}
	return true
}

// textEnd returns the index of the first byte of b, at or after i, that may not stand in a field value, or len(b).
// It looks at eight bytes at a time, because most of a head is field values.
func textEnd(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		// The lowest marked byte of m is the first one below 0x20 or equal to 0x7f; a borrow marks only bytes above it.
		m := ((w - 0x20*ones) | ((w ^ 0x7f*ones) - ones)) &^ w & highs
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) / 8
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for i < len(b) && is(b[i], classText) {
		i++
	}
	return i
}

// trim returns b without the spaces and tabs around it, and how many it had in front.
func trim(b []byte) (trimmed []byte, front int) {
	for front < len(b) && (b[front] == ' ' || b[front] == '\t') {
		front++
	}
	end := len(b)
	for end > front && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	return b[front:end], front
}

// foldEqual reports whether b is the lower-case word, ASCII case aside.
func foldEqual(b []byte, lower string) bool {
	return len(b) == len(lower) && foldEqualBytes(b, lower) // apart, so that the length is compared inline
}

func foldEqualBytes(b []byte, lower string) bool {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
