package http1

// Limits bound one request. A zero field allows nothing of its kind, it is not "unlimited": start from
// DefaultLimits and change what must differ. Each is enforced while the bytes arrive, whatever the split.
type Limits struct {
	MethodBytesMax int // the method; longer is 501
	TargetBytesMax int // the request target as received; longer is 414

	HeaderLineBytesMax int // one field line without its CRLF; longer is 431
	HeaderBytesMax     int // all field lines of a head, the CRLFs between them included; more is 431
	HeaderCountMax     int // field lines of a head, and of a trailer section; more is 431

	ChunkExtensionBytesMax  int // the extensions of one chunk, from the ";" on; more is 400
	ChunkExtensionsBytesMax int // the extensions of all chunks of a message; more is 400
	TrailerBytesMax         int // all field lines of a trailer section; more is 431

	BodyBytesMax int64 // the body, decoded from chunks; a larger one is 413 before any of the excess is kept
}

// DefaultLimits returns the limits that suit a public listener.
func DefaultLimits() Limits {
	return Limits{
		MethodBytesMax: 16,   // the longest registered method is UPDATEREDIRECTREF with 17, and nobody serves it
		TargetBytesMax: 8000, // what RFC 9112 section 3 asks every recipient to support

		HeaderLineBytesMax: 8 << 10, // a large cookie fits
		HeaderBytesMax:     16 << 10,
		HeaderCountMax:     100,

		ChunkExtensionBytesMax:  256, // nobody uses them; they are a way to send without end
		ChunkExtensionsBytesMax: 4 << 10,
		TrailerBytesMax:         4 << 10,

		BodyBytesMax: 1 << 20,
	}
}
