// Package edge moves bytes: it owns the connections of an HTTP server and the event loops they live on. It knows HTTP
// only through http1 and handlers only through exchange; it runs no JavaScript.
//
// A connection has one of two drivers of the same codec. On a loop (conn.go) nothing ever blocks: evio accepts, polls
// and reads, and answers leave by a direct write(2). What would block leaves the loop and is carried by a goroutine
// on Go's netpoller (carry.go), which is slower and may wait. Under either there may be TLS (secure.go). Only this package
// imports evio.
package edge

import (
	"log/slog"
	"net"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/forwarded"
	"github.com/fortunadws/fortuna/edge/tls"
)

// Config says what a server listens on and who answers.
type Config struct {
	Addr      string           // host:port; port 0 picks a free one, an empty host means every address
	Loops     int              // event loops, each with its goroutine; 0 means one per core
	Handler   exchange.Handler // required
	Inherited []net.Listener   // of TCP, opened by somebody else: then Addr is not listened on. The server closes them
	TLS       *tls.Server      // nil: connections are plain; whoever opened it closes it
	HSTS      time.Duration    // with TLS, how long browsers shall use nothing else for this host (RFC 6797); 0: not said
	H2C       bool             // HTTP/2 without TLS for clients that begin with it (RFC 9113 section 3.3); else they get 505
	Compress  bool             // text is encoded for clients that ask for it (edge/compress)
	Deflate   bool             // WebSockets may compress messages (RFC 7692), which costs more than it saves where those are small
	Proxies   *forwarded.Trust // whose word about clients is taken; nil: nobody's
	Limits    Limits           // zero fields mean those of DefaultLimits
	Access    func(Record)     // called when an answer is complete, on the goroutine that completed it; nil: none
	Log       *slog.Logger     // nil: slog.Default()
}

// Record is what there is to say about one answer.
type Record struct {
	Request   *exchange.Request // of a refused request, as far as it was parsed; never nil
	Status    int               // 0 when the peer left before there was one
	BodyBytes int64             // body bytes given to the connection
	Duration  time.Duration     // since the head was parsed; 0 for a refusal
	Refusal   string            // the code, when edge itself refused
	Gone      bool              // the peer left before the answer was complete
	Loop      int               // the event loop that called, from 0; -1: any goroutine
}

// Stats is a snapshot of a server's counters.
type Stats struct {
	Open     int64  // connections now, carried ones included
	Carried  int64  // connections a goroutine carries now
	Sockets  int64  // open WebSockets
	Inflight int64  // exchanges whose handler returned without completing them
	Accepted uint64 // connections since the start, refused ones included
	Refused  uint64 // connections refused at the door since the start
}
