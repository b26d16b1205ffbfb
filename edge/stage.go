//go:build linux || darwin

package edge

// stage is how far an answer has come.
type stage uint8

const (
	giving      stage = iota // the handler writes
	givingAside              // so, while a goroutine encodes what it wrote
	given                    // the handler has ended
	givenAside               // so, while a goroutine encodes the rest
	sealed                   // all that is left can be sent
)

// event is what moves an answer on.
type event uint8

const (
	handlerEnds event = iota
	encoderLeaves
	encoderReturns
	restReady // or the answer is another: a refusal, or a WebSocket
)

// stages is the life of an answer: what follows each stage by each event.
var stages = [sealed + 1][restReady + 1]stage{
	giving:      {handlerEnds: given, encoderLeaves: givingAside, encoderReturns: giving, restReady: sealed},
	givingAside: {handlerEnds: givenAside, encoderLeaves: givingAside, encoderReturns: giving, restReady: sealed},
	given:       {handlerEnds: given, encoderLeaves: givenAside, encoderReturns: given, restReady: sealed},
	givenAside:  {handlerEnds: givenAside, encoderLeaves: givenAside, encoderReturns: given, restReady: sealed},
	sealed:      {handlerEnds: sealed, encoderLeaves: sealed, encoderReturns: sealed, restReady: sealed},
}

// pass moves x on.
func (x *answer) pass(e event) { x.stage = stages[x.stage][e] }

// aside reports whether a goroutine has what is to be sent next.
func (s stage) aside() bool { return s == givingAside || s == givenAside }
