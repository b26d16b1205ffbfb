package cli

import (
	"bufio"
	"io"
)

// key is what a person asks of a fleet: a verb of one letter, and for some the number of a node.
type key struct {
	verb byte
	node int // from 1; 0 when the verb has none, or it was not typed
}

// keysHelp is what they may type.
const keysHelp = "k1 kills n1, s1 slows it, r revives all, l lists them, q ends"

// readKeys tells what is typed until stdin ends. Verbs that need a node are told twice: as soon as they are typed, and with it.
func readKeys(stdin io.Reader, keys chan<- key) {
	in := bufio.NewReader(stdin)
	var verb byte
	for {
		b, err := in.ReadByte()
		if err != nil {
			return
		}
		switch {
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
		case verb != 0 && '1' <= b && b <= '9':
			keys <- key{verb, int(b - '0')}
			verb = 0
		default:
			if verb = 0; b == 'k' || b == 's' {
				verb = b
			}
			keys <- key{verb: b}
		}
	}
}
