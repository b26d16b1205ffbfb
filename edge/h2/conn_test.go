package h2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func defaultLimits() Limits {
	return Limits{
		HTTP: http1.DefaultLimits(), StreamsMax: 100, WindowBytes: 64 << 10, RequestsMax: -1, ResetsMax: 200, ControlsMax: 10000,
		HeadDeadline: 10 * time.Second, WriteDeadline: 30 * time.Second, IdleDeadline: 60 * time.Second,
	}
}

// hello answers any request that may be.
func hello(t *Stream) {
	var q exchange.Request
	if err := t.Request(&q); err != nil {
		var refusal *http1.Error
		if errors.As(err, &refusal) {
			t.Head(refusal.Status, nil, 0)
		}
		return
	}
	t.Head(200, nil, -1)
	_ = t.Write([][]byte{[]byte(q.Target)}, 0)
}

// peer is a client that may break every rule.
type peer struct {
	t *testing.T
	net.Conn
	*http2.Framer
	encoder *hpack.Encoder
	block   bytes.Buffer
	ended   chan struct{} // closed when the server knows that the connection has ended
}

// connect returns a connection that is served, on which no byte was sent.
func connect(t *testing.T, limits Limits, stream func(*Stream)) *peer {
	t.Helper()
	s := New(limits, slog.New(slog.DiscardHandler))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	theirs, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, Conn: theirs, Framer: http2.NewFramer(theirs, theirs), ended: make(chan struct{})}
	p.encoder = hpack.NewEncoder(&p.block)
	p.AllowIllegalWrites = true
	p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.Serve(ours, nil, stream, func() { close(p.ended) })
	t.Cleanup(func() {
		_ = theirs.Close()
		s.Close()
		<-p.ended
	})
	return p
}

// begin sends the preface and settings.
func begin(t *testing.T, limits Limits, stream func(*Stream), settings ...http2.Setting) *peer {
	p := connect(t, limits, stream)
	if _, err := io.WriteString(p.Conn, Preface); err != nil {
		t.Fatal(err)
	}
	p.must(p.WriteSettings(settings...))
	return p
}

func (p *peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// fields are header fields, of names and values in turn.
func fields(pairs ...string) []hpack.HeaderField {
	var list []hpack.HeaderField
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

// get is the head of a plain request.
var get = fields(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a")

func (p *peer) encode(list []hpack.HeaderField) []byte {
	p.block.Reset()
	for _, f := range list {
		p.must(p.encoder.WriteField(f))
	}
	return p.block.Bytes()
}

// request sends a whole request without a body.
func (p *peer) request(stream uint32, list []hpack.HeaderField) error {
	return p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: p.encode(list), EndStream: true, EndHeaders: true})
}

// until reads frames until one is as wanted, and describes it; or the end.
func (p *peer) until(want func(http2.Frame) (string, bool)) string {
	for {
		f, err := p.ReadFrame()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.t.Fatal("nothing comes")
		case err != nil:
			return "end"
		}
		if got, ok := want(f); ok {
			return got
		}
	}
}

// verdict reads on until the connection or the stream is ended, by whatever.
func verdict(stream uint32) func(http2.Frame) (string, bool) {
	return func(f http2.Frame) (string, bool) {
		switch f := f.(type) {
		case *http2.GoAwayFrame:
			return "GOAWAY " + f.ErrCode.String(), true
		case *http2.RSTStreamFrame:
			return "RST_STREAM " + f.ErrCode.String(), f.StreamID == stream
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status"), f.StreamID == stream
		}
		return "", false
	}
}

func goAway(f http2.Frame) (string, bool) {
	g, ok := f.(*http2.GoAwayFrame)
	if !ok {
		return "", false
	}
	return g.ErrCode.String(), true
}

// flood sends until the connection takes no more, or times over.
func flood(times int, send func(i int) error) {
	for i := range times {
		if send(i) != nil {
			return
		}
	}
}

func TestConn_rapidReset(t *testing.T) {
	var served atomic.Int64
	p := begin(t, defaultLimits(), func(t *Stream) {
		served.Add(1)
		<-t.Gone()
	})
	go flood(100000, func(i int) error {
		id := uint32(2*i + 1)
		return errors.Join(p.request(id, get), p.WriteRSTStream(id, http2.ErrCodeCancel))
	})
	if got := p.until(goAway); got != "ENHANCE_YOUR_CALM" {
		t.Errorf("got %s", got)
	}
	<-p.ended
	if n := served.Load(); n > 201 {
		t.Errorf("%d requests were served", n)
	}
}

// Leaving a page resets what it loads.
func TestConn_fewResets(t *testing.T) {
	p := begin(t, defaultLimits(), hello)
	flood(100, func(i int) error {
		id := uint32(2*i + 1)
		return errors.Join(p.request(id, get), p.WriteRSTStream(id, http2.ErrCodeCancel))
	})
	p.must(p.request(1001, get))
	if got := p.until(verdict(1001)); got != "200" {
		t.Errorf("got %s", got)
	}
}

// The peer resets nothing itself, but breaks the rules of streams whose requests are being answered (CVE-2025-8671).
func TestConn_madeToReset(t *testing.T) {
	p := begin(t, defaultLimits(), func(t *Stream) { <-t.Gone() })
	go flood(100000, func(i int) error {
		id := uint32(2*i + 1)
		return errors.Join(p.request(id, get), p.WriteRawFrame(http2.FrameWindowUpdate, 0, id, []byte{0x7f, 0xff, 0xff, 0xff}))
	})
	if got := p.until(goAway); got != "ENHANCE_YOUR_CALM" {
		t.Errorf("got %s", got)
	}
	<-p.ended
}

func TestConn_continuations(t *testing.T) {
	p := begin(t, defaultLimits(), hello)
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(get)}))
	go flood(100000, func(int) error { return p.WriteContinuation(1, false, nil) })
	if got := p.until(goAway); got != "ENHANCE_YOUR_CALM" {
		t.Errorf("got %s", got)
	}
	<-p.ended
}

// So many may be: a large head comes in pieces.
func TestConn_fewContinuations(t *testing.T) {
	p := begin(t, defaultLimits(), hello)
	block := bytes.Clone(p.encode(get))
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:1], EndStream: true}))
	for i := range ContinuationsMax {
		last := i == ContinuationsMax-1
		from, to := 1+i, 2+i
		if last {
			to = len(block)
		}
		p.must(p.WriteContinuation(1, last, block[from:to]))
	}
	if got := p.until(verdict(1)); got != "200" {
		t.Errorf("got %s", got)
	}
}

func TestConn_controlFloods(t *testing.T) {
	limits := defaultLimits()
	limits.ControlsMax = 500
	for name, send := range map[string]func(p *peer) error{
		"ping":     func(p *peer) error { return p.WritePing(false, [8]byte{}) },
		"settings": func(p *peer) error { return p.WriteSettings() },
		"priority": func(p *peer) error {
			return p.WritePriority(1, http2.PriorityParam{StreamDep: 3})
		},
		"empty data": func(p *peer) error { return p.WriteData(1, false, nil) },
		"unknown":    func(p *peer) error { return p.WriteRawFrame(0xfa, 0, 0, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			p := begin(t, limits, func(t *Stream) { <-t.Gone() })
			p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(get), EndHeaders: true}))
			go flood(100000, func(int) error { return send(p) })
			if got := p.until(goAway); got != "ENHANCE_YOUR_CALM" {
				t.Errorf("got %s", got)
			}
			<-p.ended
		})
	}
}

// A few bytes stand for much: each names an entry of the table that has nearly its whole size.
func TestConn_bomb(t *testing.T) {
	var served atomic.Int64
	p := begin(t, defaultLimits(), func(t *Stream) {
		served.Add(1)
		hello(t)
	})
	list := append(get[:len(get):len(get)], fields("x", strings.Repeat("a", 3900))...)
	p.must(p.request(1, list))
	if got := p.until(verdict(1)); got != "200" {
		t.Fatalf("got %s", got)
	}
	block := bytes.Clone(p.encode(list))
	block = append(block, bytes.Repeat(block[len(block)-1:], 15000)...) // 58 MB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block, EndStream: true, EndHeaders: true}))
	if got := p.until(verdict(3)); got != "431" && got != "GOAWAY COMPRESSION_ERROR" && got != "GOAWAY PROTOCOL_ERROR" {
		t.Errorf("got %s", got)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
	if n := served.Load(); n != 1 {
		t.Errorf("%d requests were served", n)
	}
}

// A peer that opens no window has its stream reset, and keeps its connection.
func TestConn_stall(t *testing.T) {
	limits := defaultLimits()
	limits.WriteDeadline = 50 * time.Millisecond
	p := begin(t, limits, hello, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	p.must(p.request(1, get))
	got := p.until(func(f http2.Frame) (string, bool) {
		r, ok := f.(*http2.RSTStreamFrame)
		return fmt.Sprint(ok && r.StreamID == 1), ok
	})
	if got != "true" {
		t.Errorf("got %s", got)
	}
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000}))
	p.must(p.request(3, get))
	if got := p.until(verdict(3)); got != "200" {
		t.Errorf("got %s", got)
	}
}

func TestConn_windowOverflow(t *testing.T) {
	p := begin(t, defaultLimits(), hello)
	p.must(p.WriteWindowUpdate(0, 1<<31-1))
	if got := p.until(goAway); got != "FLOW_CONTROL_ERROR" {
		t.Errorf("got %s", got)
	}
}

// More than the window may not come: a stream is 64 kB ahead of its handler.
func TestConn_overWindow(t *testing.T) {
	p := begin(t, defaultLimits(), func(t *Stream) { <-t.Gone() })
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(get), EndHeaders: true}))
	go flood(5, func(int) error { return p.WriteData(1, false, make([]byte, 16<<10)) })
	if got := p.until(verdict(1)); got != "RST_STREAM FLOW_CONTROL_ERROR" && got != "GOAWAY FLOW_CONTROL_ERROR" {
		t.Errorf("got %s", got)
	}
}

func TestConn_streamsMax(t *testing.T) {
	limits := defaultLimits()
	limits.StreamsMax = 10
	release := make(chan struct{})
	p := begin(t, limits, func(t *Stream) {
		<-release
		hello(t)
	})
	for i := range 11 {
		p.must(p.request(uint32(2*i+1), get))
	}
	if got := p.until(verdict(21)); got != "RST_STREAM REFUSED_STREAM" && got != "RST_STREAM PROTOCOL_ERROR" {
		t.Errorf("got %s", got)
	}
	close(release)
	if got := p.until(verdict(1)); got != "200" {
		t.Errorf("got %s", got)
	}
}

// What begins must go on, and what is silent must be.
func TestConn_deadlines(t *testing.T) {
	limits := defaultLimits()
	limits.HeadDeadline, limits.IdleDeadline = 50*time.Millisecond, 200*time.Millisecond
	for name, send := range map[string]func(p *peer) error{
		"nothing": func(p *peer) error { return nil },
		"half a preface": func(p *peer) error {
			_, err := io.WriteString(p.Conn, Preface[:20])
			return err
		},
		"half a frame": func(p *peer) error {
			_, err := io.WriteString(p.Conn, Preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00")
			return err
		},
		"half a head": func(p *peer) error {
			_, err := io.WriteString(p.Conn, Preface)
			return errors.Join(err, p.WriteSettings(), p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(get)}))
		},
		"no request": func(p *peer) error {
			_, err := io.WriteString(p.Conn, Preface)
			return errors.Join(err, p.WriteSettings())
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, limits, hello)
			p.must(send(p))
			<-p.ended
		})
	}
}

// A body may take longer than a head, frame by frame and within one.
func TestConn_slowData(t *testing.T) {
	limits := defaultLimits()
	limits.HeadDeadline = 50 * time.Millisecond
	got := make(chan string, 1)
	p := begin(t, limits, func(t *Stream) {
		buf := make([]byte, 10)
		n, err := t.Read(buf)
		got <- fmt.Sprint(n, err)
	})
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(get), EndHeaders: true}))
	waited := time.NewTimer(4 * limits.HeadDeadline) // the deadline has to be seen not to strike
	if _, err := io.WriteString(p.Conn, "\x00\x00\x02\x00\x00\x00\x00\x00\x01a"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
		t.Fatal("the connection was ended")
	case <-waited.C:
	}
	if _, err := io.WriteString(p.Conn, "b"); err != nil {
		t.Fatal(err)
	}
	if got := <-got; got != "2 <nil>" {
		t.Errorf("got %s", got)
	}
}

// ended waits for streams that run.
func TestConn_ended(t *testing.T) {
	running, release := make(chan struct{}), make(chan struct{})
	p := begin(t, defaultLimits(), func(t *Stream) {
		close(running)
		<-t.Gone()
		<-release
	})
	p.must(p.request(1, get))
	<-running
	p.must(p.Conn.Close())
	select {
	case <-p.ended:
		t.Error("a stream runs")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	<-p.ended
}

func TestServer_closed(t *testing.T) {
	s := New(defaultLimits(), slog.New(slog.DiscardHandler))
	s.Close()
	ours, theirs := net.Pipe()
	ended := make(chan struct{})
	s.Serve(ours, nil, hello, func() { close(ended) })
	<-ended
	if _, err := theirs.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v", err)
	}
}
