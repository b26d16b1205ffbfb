package upstream

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"golang.org/x/net/http2"
)

// read is the life of a connection: it reads frames until one cannot be, and returns why.
func (l *link) read() error {
	for {
		f, err := l.framer.ReadFrame()
		l.lane.mu.Lock()
		if l.dead != nil {
			err = l.dead
		} else {
			err = l.frame(f, err)
		}
		l.lane.mu.Unlock()
		var fault http2.ConnectionError
		if errors.As(err, &fault) {
			l.lane.mu.Lock()
			l.out = appendGoAway(l.out, uint32(fault))
			l.lane.mu.Unlock()
			l.flush()
		}
		if err != nil {
			return err
		}
	}
}

// frame takes one frame, or what is wrong with it. An error ends the connection.
func (l *link) frame(f http2.Frame, err error) error {
	if err != nil {
		var fault http2.StreamError
		if !errors.As(err, &fault) {
			return err
		}
		return l.broken(fault.StreamID, uint32(fault.Code))
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return l.head(f)
	case *http2.DataFrame:
		return l.data(f)
	case *http2.WindowUpdateFrame:
		return l.windowUpdate(f.StreamID, int64(f.Increment))
	case *http2.RSTStreamFrame:
		return l.wasReset(f)
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if err := l.settings(f); err != nil {
			return err
		}
		l.unblock()
		return l.control()
	case *http2.PingFrame:
		if !f.IsAck() {
			l.out = appendPing(l.out, f.Data, true)
		}
		return l.control()
	case *http2.GoAwayFrame:
		l.goAway(f)
		return l.control()
	case *http2.PushPromiseFrame: // we have said that we take none
		return http2.ConnectionError(codeBroken)
	}
	return l.control()
}

// control counts a frame that carries nothing.
func (l *link) control() error {
	if now := time.Now(); now.Sub(l.since) > controlsPeriod {
		l.since, l.controls = now, 0
	}
	if l.controls++; l.controls > ControlsMax {
		return http2.ConnectionError(codeTooMuch)
	}
	return nil
}

// settings is what the node takes.
func (l *link) settings(f *http2.SettingsFrame) error {
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingHeaderTableSize:
			l.heads.SetMaxDynamicTableSize(min(s.Val, tableBytesMax))
		case http2.SettingMaxConcurrentStreams:
			l.max = s.Val
		case http2.SettingInitialWindowSize:
			more := int64(s.Val) - l.initial
			l.initial = int64(s.Val)
			for _, t := range l.streams {
				if t.outWindow += more; t.outWindow > windowMax {
					return http2.ConnectionError(codeWindow)
				}
			}
		}
		return nil
	})
	if err == nil {
		l.out = appendFrame(l.out, 0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	}
	return err
}

// windowMax is what a window may hold (RFC 9113, section 6.9.1).
const windowMax = 1<<31 - 1

func (l *link) windowUpdate(id uint32, n int64) error {
	if id == 0 {
		if l.window += n; l.window > windowMax {
			return http2.ConnectionError(codeWindow)
		}
		l.unblock()
		return nil
	}
	s, err := l.streamOf(id)
	if s == nil {
		return err
	}
	if s.outWindow += n; s.outWindow > windowMax {
		return l.broken(id, codeWindow)
	}
	if s.blocked {
		l.unblock()
	}
	return nil
}

// streamOf is the stream of a frame, nil if it is over. A number that we have not used is an error.
func (l *link) streamOf(id uint32) (*stream, error) {
	if s := l.streams[id]; s != nil {
		return s, nil
	}
	if id%2 == 0 || id >= l.next {
		return nil, http2.ConnectionError(codeBroken)
	}
	return nil, l.control()
}

// broken ends a stream whose answer breaks the rules.
func (l *link) broken(id, code uint32) error {
	s, err := l.streamOf(id)
	if s != nil {
		l.reset(s, code)
		s.fail(errBroken)
		l.lane.fill()
	}
	return err
}

func (l *link) wasReset(f *http2.RSTStreamFrame) error {
	s, err := l.streamOf(f.StreamID)
	if s == nil {
		return err
	}
	l.finish(s)
	if f.ErrCode == http2.ErrCodeRefusedStream {
		s.fail(errUnsent)
	} else {
		s.fail(errReset)
	}
	l.lane.fill()
	return nil
}

// goAway is the node wanting no more requests on this connection. Those behind the last that it names it has not looked at.
func (l *link) goAway(f *http2.GoAwayFrame) {
	l.leaving = true
	for id, s := range l.streams {
		if id > f.LastStreamID {
			delete(l.streams, id)
			s.fail(errUnsent)
		}
	}
	l.endIfLeft()
	l.lane.fill()
}

// head is the head of an answer, or its trailer, which is dropped.
func (l *link) head(f *http2.MetaHeadersFrame) error {
	s, err := l.streamOf(f.StreamID)
	if s == nil {
		return err
	}
	if s.answered {
		if !f.StreamEnded() || len(f.PseudoFields()) > 0 {
			return l.broken(s.id, codeBroken)
		}
		l.end(s)
		return nil
	}
	status, header, length, unserved, err := readHead(f)
	switch {
	case err != nil:
		l.lane.pool.log.Debug("bad answer of a node", "node", l.lane.peer.name, "err", err)
		return l.broken(s.id, codeBroken)
	case status < 200:
		if s.interims++; s.interims > InterimMax || f.StreamEnded() {
			return l.broken(s.id, codeBroken)
		}
		return nil
	}
	l.lane.peer.succeeded()
	s.answered, s.deadline = true, time.Time{}
	s.status, s.header, s.length, s.unserved = status, header, length, unserved
	s.observe(time.Unix(0, l.wire.heard.Load()))
	s.tell()
	if f.StreamEnded() {
		l.end(s)
	}
	return nil
}

// readHead is the head of an answer as handlers give it.
func readHead(f *http2.MetaHeadersFrame) (status int, header []exchange.Field, length int64, unserved bool, err error) {
	length = -1
	pseudo, fields := f.PseudoFields(), f.RegularFields()
	switch {
	case f.Truncated:
		return 0, nil, 0, false, fmt.Errorf("its header has more than %d bytes", HeaderBytesMax)
	case len(fields) > HeaderCountMax:
		return 0, nil, 0, false, fmt.Errorf("it has more than %d fields", HeaderCountMax)
	case len(pseudo) != 1 || pseudo[0].Name != ":status":
		return 0, nil, 0, false, errors.New("it has no status, or more than that")
	}
	if status, err = parseStatus(pseudo[0].Value); err != nil {
		return 0, nil, 0, false, err
	}
	header = make([]exchange.Field, 0, len(fields))
	for i := range fields {
		name, value := fields[i].Name, fields[i].Value
		switch {
		case name == "content-length":
			n, err := parseLength(value)
			if err != nil || length >= 0 && n != length {
				return 0, nil, 0, false, fmt.Errorf("its Content-Length is %q", value)
			}
			length = n
		case ofConnection(name):
		case ours(name):
			unserved = true
		default:
			header = append(header, exchange.Field{Name: textproto.CanonicalMIMEHeaderKey(name), Value: value})
		}
	}
	return status, header, length, unserved, nil
}

// parseStatus reads three digits. 101 is no status of HTTP/2 (RFC 9113, section 8.6).
func parseStatus(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || len(text) != 3 || n < 100 || n == 101 {
		return 0, fmt.Errorf("its status is %q", text)
	}
	return int(n), nil
}

// parseLength reads a Content-Length: digits and nothing else.
func parseLength(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err
}

// data is a piece of an answer.
func (l *link) data(f *http2.DataFrame) error {
	size := int64(f.Length)
	if l.inWindow -= size; l.inWindow < 0 {
		return http2.ConnectionError(codeWindow)
	}
	if l.consumed += size; l.consumed >= windowAllBytes/16 {
		l.out = appendWindow(l.out, 0, int(l.consumed))
		l.inWindow += l.consumed
		l.consumed = 0
	}
	s, err := l.streamOf(f.StreamID)
	if s == nil {
		return err
	}
	p := f.Data()
	if s.inWindow -= size; s.inWindow < 0 || !s.answered {
		return l.broken(s.id, codeWindow)
	}
	if padding := size - int64(len(p)); padding > 0 {
		s.inWindow += padding
		l.out = appendWindow(l.out, s.id, int(padding))
	}
	if len(p) > 0 {
		s.keep(p)
		s.tell()
	} else if !f.StreamEnded() {
		if err := l.control(); err != nil {
			return err
		}
	}
	if f.StreamEnded() {
		l.end(s)
	}
	return nil
}

// keep keeps a copy of p for the loop. Small ones that follow each other are one piece, so that what is kept costs no more
// than its bytes.
func (s *stream) keep(p []byte) {
	if n := len(s.body); n > 0 && len(s.body[n-1])+len(p) <= frameBytesMax {
		s.body[n-1] = append(s.body[n-1], p...)
		return
	}
	s.body = append(s.body, slices.Clone(p))
}

// end is an answer being whole. A node that has answered needs no more of the request.
func (l *link) end(s *stream) {
	s.ended = true
	s.tell()
	if !s.sent {
		l.out = appendReset(l.out, s.id, codeNone)
	}
	l.finish(s)
	l.lane.fill()
}
