package upstream

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/fortunadws/fortuna/edge/ws"
)

const statusSwitching = 101

// newKey is a Sec-WebSocket-Key (RFC 6455, section 4.1).
func newKey() string {
	var p [16]byte
	_, _ = rand.Read(p[:]) // it never fails
	return base64.StdEncoding.EncodeToString(p[:])
}

// appendHandshake appends the request that opens q's WebSocket on another node.
func appendHandshake(dst []byte, q *exchange.Request, hop *Hop, key string) []byte {
	line := func(name, value string) {
		dst = append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
	}
	dst = append(append(append(append(dst, q.Method...), ' '), q.Target...), " HTTP/1.1\r\n"...)
	line("Host", q.Host)
	passed(q, func(f *exchange.Field) {
		if !exchange.EqualFold(f.Name, "Sec-WebSocket-Key") && !exchange.EqualFold(f.Name, "Sec-WebSocket-Extensions") {
			line(f.Name, f.Value)
		}
	})
	line("Connection", "Upgrade")
	line("Upgrade", "websocket")
	line("Sec-WebSocket-Key", key)
	line(fieldHop, string(hop.Append(nil)))
	if q.Client != nil {
		line(fieldClient, string(appendClient(nil, q.Client)))
	}
	return append(dst, "\r\n"...)
}

// answer is what a node says to one.
type answer struct {
	status int
	header []exchange.Field // without what the connection decides
	body   []byte           // of a refusal
}

var errAnswer = errors.New("upstream: the node's answer is not HTTP/1.1")

// readAnswer reads the answer to a handshake with the key: 101 by the rules, or a refusal, whole.
func readAnswer(r *bufio.Reader, key string) (*answer, error) {
	for range InterimMax {
		a, framing, err := readAnswerHead(r)
		if err != nil {
			return nil, err
		}
		switch {
		case a.status == statusSwitching:
			return a, framing.checkSwitch(key)
		case a.status < 200:
			continue
		}
		a.body, err = framing.readBody(r, a.status)
		return a, err
	}
	return nil, fmt.Errorf("upstream: a node sends more than %d interim answers", InterimMax)
}

// framing is what an answer's head says about its connection.
type framing struct {
	length  int64 // -1: not announced
	chunked bool
	accept  string
	upgrade string
	packed  bool // it chose an extension, of which we offer none
}

// checkSwitch checks the answer 101 (RFC 6455, section 4.1).
func (f *framing) checkSwitch(key string) error {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid))
	if f.accept != base64.StdEncoding.EncodeToString(sum[:]) || !exchange.EqualFold(f.upgrade, "websocket") || f.packed {
		return errors.New("upstream: the node switches to something else than was asked for")
	}
	return nil
}

// readAnswerHead reads a status line and a header.
func readAnswerHead(r *bufio.Reader) (*answer, *framing, error) {
	left := HeaderBytesMax
	line, err := readLine(r, &left)
	if err != nil {
		return nil, nil, err
	}
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if version != "HTTP/1.1" || err != nil || len(code) != 3 || status < 100 {
		return nil, nil, errAnswer
	}
	a, f := &answer{status: int(status)}, &framing{length: -1}
	for count := 0; ; count++ {
		line, err := readLine(r, &left)
		switch {
		case err != nil:
			return nil, nil, err
		case line == "":
			return a, f, nil
		case count == HeaderCountMax:
			return nil, nil, fmt.Errorf("upstream: an answer of a node has more than %d fields", HeaderCountMax)
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) {
			return nil, nil, errAnswer
		}
		value = strings.Trim(value, " \t")
		if err := f.note(name, value); err != nil {
			return nil, nil, err
		}
		field := exchange.Field{Name: name, Value: value}
		if exchange.EqualFold(name, "Content-Length") || ws.Decides(field) || ours(name) || ofConnection(name) && !(status == 426 && exchange.EqualFold(name, "Upgrade")) {
			continue
		}
		a.header = append(a.header, field)
	}
}

// note looks at a field of the connection.
func (f *framing) note(name, value string) error {
	switch {
	case exchange.EqualFold(name, "Content-Length"):
		n, err := parseLength(value)
		if err != nil || f.length >= 0 || f.chunked {
			return errAnswer
		}
		f.length = n
	case exchange.EqualFold(name, "Transfer-Encoding"):
		if !exchange.EqualFold(value, "chunked") || f.chunked || f.length >= 0 {
			return errAnswer
		}
		f.chunked = true
	case exchange.EqualFold(name, "Upgrade"):
		f.upgrade = value
	case exchange.EqualFold(name, "Sec-WebSocket-Accept"):
		f.accept = value
	case exchange.EqualFold(name, "Sec-WebSocket-Extensions"):
		f.packed = true
	}
	return nil
}

// readLine reads a line without its CRLF. left is what the head may still have.
func readLine(r *bufio.Reader, left *int) (string, error) {
	p, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("upstream: a line of an answer has more than %d bytes", r.Size())
	case err == io.EOF:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	if *left -= len(p); *left < 0 {
		return "", fmt.Errorf("upstream: the header of an answer has more than %d bytes", HeaderBytesMax)
	}
	line, ok := strings.CutSuffix(string(p), "\r\n")
	if !ok || strings.ContainsAny(line, "\r\x00") {
		return "", errAnswer
	}
	return line, nil
}

// readBody reads the body of a refusal.
func (f *framing) readBody(r *bufio.Reader, status int) ([]byte, error) {
	switch {
	case !http1.BodyAllowed("GET", status):
		return nil, nil
	case f.chunked:
		return readChunks(r)
	case f.length > RefusalBytesMax:
		return nil, errRefusal
	case f.length >= 0:
		p := make([]byte, f.length)
		_, err := io.ReadFull(r, p)
		return p, err
	}
	p, err := io.ReadAll(io.LimitReader(r, RefusalBytesMax+1))
	if len(p) > RefusalBytesMax {
		return nil, errRefusal
	}
	return p, err
}

var errRefusal = fmt.Errorf("upstream: the answer that refuses a WebSocket has more than %d bytes", RefusalBytesMax)

// readChunks reads a body in chunks as another node writes them: without extensions (RFC 9112, section 7.1).
func readChunks(r *bufio.Reader) (body []byte, err error) {
	left := RefusalBytesMax
	for {
		line, err := readLine(r, &left)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(line, 16, 31)
		switch {
		case err != nil:
			return nil, errAnswer
		case len(body)+int(n) > RefusalBytesMax:
			return nil, errRefusal
		}
		at := len(body)
		body = slices.Grow(body, int(n))[:at+int(n)]
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			return nil, err
		}
		if end, err := readLine(r, &left); err != nil || end != "" {
			return nil, errAnswer
		}
		if n == 0 {
			return body, nil
		}
	}
}

// appendMasked appends a frame as a client sends it: head is that of a server's (RFC 6455, section 5.3).
func appendMasked(dst, head, payload []byte) []byte {
	key := mathrand.Uint32()
	mask := [4]byte{byte(key), byte(key >> 8), byte(key >> 16), byte(key >> 24)}
	at := len(dst)
	dst = append(append(dst, head...), mask[:]...)
	dst[at+1] |= maskBit
	at = len(dst)
	dst = append(dst, payload...)
	for i := range dst[at:] {
		dst[at+i] ^= mask[i&3]
	}
	return dst
}
