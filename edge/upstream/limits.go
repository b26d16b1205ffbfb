package upstream

import "time"

// Limits that are the same everywhere.
const (
	// HopsMax is how often a request is forwarded. One that comes from another node is served where it arrives, or
	// refused: a second hop would mean that two nodes disagree about who serves the app, and each would send it back.
	HopsMax = 1

	AttemptsMax    = 3 // nodes that one request is tried on
	CandidatesKept = 32

	WindowBytes      = 128 << 10 // of an answer, read ahead of its client: with a piece of the request's body below 256 kB
	windowAllBytes   = 1 << 30   // of all answers of a connection: what bounds them is WindowBytes and the number of streams
	OutBytesMax      = 128 << 10 // frames that a connection has not sent, at which bodies wait
	frameBytesMax    = 16 << 10  // of one frame, either way: the least that RFC 9113 allows, and one TLS record
	tableBytesMax    = 4 << 10   // of HPACK, each way: what RFC 9113 begins with
	HeaderBytesMax   = 64 << 10  // an answer's header, decoded
	HeaderCountMax   = 200       // its fields
	InterimMax       = 8         // interim answers (1xx) before the answer
	ControlsMax      = 10000     // frames that carry nothing, in controlsPeriod
	controlsPeriod   = 10 * time.Second
	LinksMax         = 4         // connections to one node for one event loop
	WaitingMax       = 1024      // requests that wait for one of them
	MessageBytesMax  = 8 << 20   // of a WebSocket, from a node: a socket takes 16 MiB that its client has yet to read
	RefusalBytesMax  = 256 << 10 // body of an answer that refuses a WebSocket
	socketAheadBytes = 64 << 10  // of messages that one end of a WebSocket has yet to take

	suspectAfter = 3 * time.Second // without a heartbeat, three of them: used only if there is no other
	outAfter     = 5 * time.Second // not used at all

	failuresMax      = 3 // in a row that eject a node
	ejectionMin      = time.Second
	ejectionMax      = 30 * time.Second
	slowStart        = 10 * time.Second
	slowStartMin     = 0.1 // the share that a node begins with
	retryCost        = 5   // requests that pay for one retry: 20 %
	retriesKept      = 100 // retries that quiet times can save up
	retriesAtFirst   = 10
	boundedLoadTimes = 1.25 // of the average load, which a node that hashing chooses may have
)

// Deadlines that a Config leaves at 0.
const (
	headDeadline  = 35 * time.Second       // more than the 30 s a handler has, so that the node itself says what was wrong
	dialDeadline  = 2 * time.Second        // nodes are near each other
	pingAfter     = 2 * time.Second        // of silence
	pingDeadline  = 3 * time.Second        // with pingAfter as long as a node is believed without a heartbeat
	writeDeadline = 10 * time.Second       // for a node's kernel to take what was sent
	sweepEvery    = 250 * time.Millisecond // deadlines, and clients that left while nothing is written to them
)
