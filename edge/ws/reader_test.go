package ws_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/ws"
)

// messageBytesMax is small here, so that limits are met by cases that can be read.
const messageBytesMax = 1 << 17

// frame is one of a client's: its first byte, and a payload that is masked.
func frame(first byte, payload string) string {
	n := len(payload)
	b := []byte{first}
	switch {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, mask[:]...)
	for i := range n {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}

const (
	fin    = 0x80
	packed = 0x40
	text   = 1
	bin    = 2
	end    = 8
	ping   = 9
	pong   = 10
)

func deflated(s string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

func status(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// conformance is what a server must make of what a client sends: the numbers are those of the Autobahn test suite, whose
// rows these follow. A verdict is the events in order, and the code of the close frame that answers a breach.
var conformance = []struct {
	name    string
	in      string
	deflate bool
	want    string
}{
	// 1: framing.
	{"1.1.1 empty text", frame(fin|text, ""), false, "text:"},
	{"1.1.2 text of 125", frame(fin|text, strings.Repeat("*", 125)), false, "text*125"},
	{"1.1.3 text of 126", frame(fin|text, strings.Repeat("*", 126)), false, "text*126"},
	{"1.1.5 text of 128", frame(fin|text, strings.Repeat("*", 128)), false, "text*128"},
	{"1.1.6 text of 65535", frame(fin|text, strings.Repeat("*", 65535)), false, "text*65535"},
	{"1.1.7 text of 65536", frame(fin|text, strings.Repeat("*", 65536)), false, "text*65536"},
	{"1.2.1 empty binary", frame(fin|bin, ""), false, "binary:"},
	{"1.2.2 binary", frame(fin|bin, "\xfe\x00\xff"), false, "binary:\xfe\x00\xff"},
	{"1.2.7 binary of 65536", frame(fin|bin, strings.Repeat("\xfe", 65536)), false, "binary*65536"},
	{"three messages at once", frame(fin|text, "a") + frame(fin|bin, "b") + frame(fin|text, "c"), false, "text:a binary:b text:c"},
	{"length in more bytes than needed", "\x81\xfe\x00\x01\x00\x00\x00\x00a", false, "1002"},
	{"length in many more bytes", "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00a", false, "1002"},
	{"length with the highest bit", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", false, "1002"},
	{"not masked", "\x81\x01a", false, "1002"},
	// 2: pings and pongs.
	{"2.1 empty ping", frame(fin|ping, ""), false, "ping:"},
	{"2.2 ping", frame(fin|ping, "hello"), false, "ping:hello"},
	{"2.3 binary ping", frame(fin|ping, "\x00\xff\xfe"), false, "ping:\x00\xff\xfe"},
	{"2.4 ping of 125", frame(fin|ping, strings.Repeat("\xfe", 125)), false, "ping*125"},
	{"2.5 ping of 126", frame(fin|ping, strings.Repeat("\xfe", 126)), false, "1002"},
	{"2.7 unasked pong", frame(fin|pong, ""), false, "pong:"},
	{"2.8 unasked pong with payload", frame(fin|pong, "x"), false, "pong:x"},
	{"2.10 ten pings", strings.Repeat(frame(fin|ping, "p"), 10), false, strings.TrimSpace(strings.Repeat("ping:p ", 10))},
	// 3: reserved bits.
	{"3.1 bit 3", frame(fin|0x10|text, "x"), false, "1002"},
	{"3.2 bit 2 after a message", frame(fin|text, "a") + frame(fin|0x20|text, "x"), false, "text:a 1002"},
	{"3.4 bit 1 without deflate", frame(fin|packed|text, "x"), false, "1002"},
	{"3.5 bits of binary", frame(fin|0x50|bin, "x"), true, "1002"},
	{"3.6 bits of ping", frame(fin|0x60|ping, "x"), true, "1002"},
	{"3.7 bits of close", frame(fin|0x70|end, ""), true, "1002"},
	// 4: reserved opcodes.
	{"4.1.1 opcode 3", frame(fin|3, ""), false, "1002"},
	{"4.1.3 opcode 5 after a message", frame(fin|text, "a") + frame(fin|5, ""), false, "text:a 1002"},
	{"4.1.5 opcode 7", frame(fin|7, "x"), false, "1002"},
	{"4.2.1 opcode 11", frame(fin|11, ""), false, "1002"},
	{"4.2.5 opcode 15", frame(fin|15, "x"), false, "1002"},
	// 5: fragments.
	{"5.1 ping in fragments", frame(ping, "a") + frame(fin, "b"), false, "1002"},
	{"5.2 pong in fragments", frame(pong, "a") + frame(fin, "b"), false, "1002"},
	{"5.3 text in two", frame(text, "a") + frame(fin, "b"), false, "text:ab"},
	{"5.6 a ping between", frame(text, "a") + frame(fin|ping, "p") + frame(fin, "b"), false, "ping:p text:ab"},
	{"5.9 continuation of nothing", frame(fin, "x") + frame(fin|text, "a"), false, "1002"},
	{"5.10 continuation of nothing, not the last", frame(0, "x"), false, "1002"},
	{"5.12 continuation after a message", frame(fin|text, "a") + frame(0, "x"), false, "text:a 1002"},
	{"5.18 two beginnings", frame(text, "a") + frame(fin|text, "b"), false, "1002"},
	{"5.19 five fragments, pings between", frame(text, "1") + frame(0, "2") + frame(fin|ping, "p") + frame(0, "3") + frame(0, "4") + frame(fin|ping, "q") + frame(fin, "5"), false, "ping:p ping:q text:12345"},
	{"empty fragments", frame(text, "") + frame(0, "") + frame(fin, ""), false, "text:"},
	{"close between fragments", frame(text, "a") + frame(fin|end, status(1000, "")), false, "close:1000:"},
	// 6: UTF-8.
	{"6.2.1 text", frame(fin|text, "Hello-µ@ßöäüàá-UTF-8!!"), false, "text:Hello-µ@ßöäüàá-UTF-8!!"},
	{"6.2.3 a character in two fragments", frame(text, "a\xc3") + frame(fin, "\xa9b"), false, "text:aéb"},
	{"6.2.4 a character of four in four", frame(text, "\xf0") + frame(0, "\x9f") + frame(0, "\x98") + frame(fin, "\x80"), false, "text:😀"},
	{"6.3.1 a surrogate", frame(fin|text, "\xce\xba\xed\xa0\x80edited"), false, "1007"},
	{"6.3.2 a surrogate in fragments", frame(text, "\xce\xba\xed") + frame(0, "\xa0") + frame(fin, "\x80"), false, "1007"},
	{"6.4.1 too high, before the end", frame(text, "\xce\xba") + frame(0, "\xf4\x90"), false, "1007"},
	{"6.6 half a character", frame(fin|text, "\xce"), false, "1007"},
	{"6.7 characters", frame(fin|text, "\x00\x7f\u0080\u07ff\u0800\uffff\U0010ffff"), false, "text:\x00\x7f\u0080\u07ff\u0800\uffff\U0010ffff"},
	{"6.12 a lone continuation", frame(fin|text, "\x80"), false, "1007"},
	{"6.14 lonely starts", frame(fin|text, "\xc0 "), false, "1007"},
	{"6.18 overlong", frame(fin|text, "\xc0\xaf"), false, "1007"},
	{"6.18.3 overlong of three", frame(fin|text, "\xe0\x80\xaf"), false, "1007"},
	{"6.21 half a surrogate", frame(fin|text, "\xed\xbf\xbf"), false, "1007"},
	{"not UTF-8, binary", frame(fin|bin, "\xc0\xaf"), false, "binary:\xc0\xaf"},
	// 7: close.
	{"7.1.1 close", frame(fin|end, status(1000, "bye")), false, "close:1000:bye"},
	{"7.3.1 empty close", frame(fin|end, ""), false, "close:1005:"},
	{"7.3.2 close of one byte", frame(fin|end, "\x03"), false, "1002"},
	{"7.3.5 close of 125", frame(fin|end, status(1000, strings.Repeat("*", 123))), false, "close:1000:" + strings.Repeat("*", 123)},
	{"7.3.6 close of 126", frame(fin|end, status(1000, strings.Repeat("*", 124))), false, "1002"},
	{"7.5.1 reason that is not UTF-8", frame(fin|end, status(1000, "\xce\xba\xed\xa0\x80")), false, "1007"},
	{"7.7.2 1001", frame(fin|end, status(1001, "")), false, "close:1001:"},
	{"7.7.8 1010", frame(fin|end, status(1010, "")), false, "close:1010:"},
	{"7.7.10 3000", frame(fin|end, status(3000, "")), false, "close:3000:"},
	{"7.7.13 4999", frame(fin|end, status(4999, "")), false, "close:4999:"},
	{"7.9.1 0", frame(fin|end, status(0, "")), false, "1002"},
	{"7.9.2 999", frame(fin|end, status(999, "")), false, "1002"},
	{"7.9.3 1004", frame(fin|end, status(1004, "")), false, "1002"},
	{"7.9.4 1005", frame(fin|end, status(1005, "")), false, "1002"},
	{"7.9.5 1006", frame(fin|end, status(1006, "")), false, "1002"},
	{"7.9.7 1100", frame(fin|end, status(1100, "")), false, "1002"},
	{"7.9.9 2999", frame(fin|end, status(2999, "")), false, "1002"},
	{"7.13 65535", frame(fin|end, status(65535, "")), false, "1002"},
	{"close in fragments", frame(end, status(1000, "")), false, "1002"},
	// 9: limits.
	{"9.1 as large as allowed", frame(fin|bin, strings.Repeat("x", messageBytesMax)), false, fmt.Sprintf("binary*%d", messageBytesMax)},
	{"9.2 one more", frame(fin|bin, strings.Repeat("x", messageBytesMax+1)), false, "1009"},
	{"9.3 one more in fragments", frame(bin, strings.Repeat("x", messageBytesMax)) + frame(fin, "x"), false, "1009"},
	{"announced and not sent", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", false, "1009"},
	// 12 and 13: permessage-deflate.
	{"12.1.1 packed", frame(fin|packed|text, deflated("Hello")), true, "text:Hello"},
	{"RFC 7692, 7.2.3.1", frame(fin|packed|text, "\xf2\x48\xcd\xc9\xc9\x07\x00"), true, "text:Hello"},
	{"RFC 7692, 7.2.3.1 in fragments", frame(packed|text, "\xf2\x48\xcd") + frame(fin, "\xc9\xc9\x07\x00"), true, "text:Hello"},
	{"RFC 7692, 7.2.3.3 no compression", frame(fin|packed|text, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), true, "text:Hello"},
	{"RFC 7692, 7.2.3.4 BFINAL", frame(fin|packed|text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), true, "text:Hello"},
	{"RFC 7692, 7.2.3.5 two blocks", frame(fin|packed|text, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), true, "text:Hello"},
	{"not packed, though agreed", frame(fin|text, "Hello"), true, "text:Hello"},
	{"packed and empty", frame(fin|packed|text, "\x00"), true, "text:"},
	{"packed, a ping between", frame(packed|bin, "\xf2\x48\xcd") + frame(fin|ping, "") + frame(fin, "\xc9\xc9\x07\x00"), true, "ping: binary:Hello"},
	{"the bit on a continuation", frame(packed|text, "\xf2\x48\xcd") + frame(fin|packed, "\xc9\xc9\x07\x00"), true, "1002"},
	{"packed and not UTF-8", frame(fin|packed|text, deflated("\xc0\xaf")), true, "1007"},
	{"packed garbage", frame(fin|packed|text, "\xff\xff\xff\xff"), true, "1007"},
	{"a window that does not exist", frame(fin|packed|bin, deflated("Hello")) + frame(fin|packed|bin, "\xf2\x00\x11\x00\x00"), true, "binary:Hello 1007"},
	{"packed, as large as allowed", frame(fin|packed|bin, deflated(strings.Repeat("x", messageBytesMax))), true, fmt.Sprintf("binary*%d", messageBytesMax)},
	{"a bomb", frame(fin|packed|bin, deflated(strings.Repeat("x", 100*messageBytesMax))), true, "1009"},
	// Not whole: nothing is said.
	{"nothing", "", false, ""},
	{"half a head", "\x81", false, ""},
	{"half a message", frame(text, "a") + "\x80", false, ""},
}

// verdict feeds pieces until there is an error, and tells what was found.
func verdict(r *ws.Reader, pieces ...string) string {
	var all []string
	for _, piece := range pieces {
		for p := []byte(piece); len(p) > 0; {
			n, e, err := r.Next(p)
			if err != nil {
				return strings.Join(append(all, fmt.Sprint(err.Code)), " ")
			}
			p = p[n:]
			name := [...]string{ws.Text: "text", ws.Binary: "binary", ws.Ping: "ping", ws.Pong: "pong"}
			switch {
			case e.Kind == ws.Nothing && len(p) > 0:
				return "it stopped before the end"
			case e.Kind == ws.Nothing:
			case e.Kind == ws.Close:
				all = append(all, fmt.Sprintf("close:%d:%s", e.Code, e.Reason))
			case len(e.Payload) > 30:
				all = append(all, fmt.Sprintf("%s*%d", name[e.Kind], len(e.Payload)))
			default:
				all = append(all, name[e.Kind]+":"+string(e.Payload))
			}
		}
	}
	return strings.Join(all, " ")
}

func reader(deflate bool) *ws.Reader {
	return &ws.Reader{MessageBytesMax: messageBytesMax, Deflate: deflate}
}

// Wherever the bytes are split, the verdict is the same.
func TestReader_conformance(t *testing.T) {
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if len(want) > 30 && !strings.Contains(want, " ") && strings.HasPrefix(want, "text:") && len(want) > 35 {
				want = fmt.Sprintf("text*%d", len(want)-5)
			}
			if got := verdict(reader(c.deflate), c.in); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
			step := max(1, len(c.in)/2000) // of long ones, many places
			for i := 0; i <= len(c.in); i += step {
				if got := verdict(reader(c.deflate), c.in[:i], c.in[i:]); got != want {
					t.Fatalf("split at %d: got %q, want %q", i, got, want)
				}
			}
			if len(c.in) < 2000 {
				if got := verdict(reader(c.deflate), strings.Split(c.in, "")...); got != want {
					t.Errorf("byte by byte: got %q, want %q", got, want)
				}
			}
		})
	}
}

// An error is told as soon as it is certain, not when the message ends.
func TestReader_failsFast(t *testing.T) {
	for name, in := range map[string]string{
		"UTF-8":  frame(text, "abc\xf4\x90")[:11],
		"length": "\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00",
		"mask":   "\x81\x7d",
	} {
		if got := verdict(reader(false), in); len(got) != 4 {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestDeflate(t *testing.T) {
	for _, want := range []string{strings.Repeat("fortuna ", 100), strings.Repeat("x", messageBytesMax)} {
		p, ok := ws.Deflate([]byte(want))
		if !ok || len(p) >= len(want) {
			t.Fatalf("%d bytes became %d", len(want), len(p))
		}
		_, e, err := reader(true).Next([]byte(frame(fin|packed|bin, string(p))))
		if err != nil || string(e.Payload) != want {
			t.Errorf("%d bytes came back as %d, %v", len(want), len(e.Payload), err)
		}
	}
	if _, ok := ws.Deflate([]byte("\x01\x92\xf0\x1c")); ok {
		t.Error("what cannot be compressed was")
	}
}

// What is appended is what a client reads: the head without a mask.
func TestAppend(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{ws.AppendHead(nil, ws.Text, 5, false), "\x81\x05"},
		{ws.AppendHead(nil, ws.Binary, 126, true), "\xc2\x7e\x00\x7e"},
		{ws.AppendHead(nil, ws.Binary, 1<<16, false), "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
		{ws.AppendControl(nil, ws.Pong, []byte("hi")), "\x8a\x02hi"},
		{ws.AppendControl(nil, ws.Ping, make([]byte, 200))[:2], "\x89\x7d"},
		{ws.AppendClose(nil, 1000, "bye"), "\x88\x05\x03\xe8bye"},
		{ws.AppendClose(nil, 1005, ""), "\x88\x00"},
		{ws.AppendClose(nil, 1000, strings.Repeat("é", 100))[:2], "\x88\x7c"},
	} {
		if string(c.got) != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// However the bytes are split, a reader says the same, and holds no more than it may.
func FuzzReader(f *testing.F) {
	for _, c := range conformance {
		if len(c.in) < 300 {
			f.Add([]byte(c.in), uint8(3), c.deflate)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8, deflate bool) {
		whole := verdict(reader(deflate), string(in))
		var pieces []string
		for rest := string(in); rest != ""; {
			n := min(len(rest), int(step)+1)
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := verdict(reader(deflate), pieces...); got != whole {
			t.Errorf("in pieces of %d: %q, whole: %q", int(step)+1, got, whole)
		}
	})
}
