package urlpattern

// state is where in a constructor string its parser is. The first are components, by their number.
type state uint8

const (
	stateInit state = state(Components) + iota
	stateAuthority
	stateDone
)

// constructor is the constructor string parser: it cuts a string that looks like a URL into components.
type constructor struct {
	canon    *Canon
	input    string
	tokens   []token
	init     Init
	start    int // the first token of the component
	at       int // the token looked at
	depth    int // of groups
	brackets int // of an IPv6 address
	special  bool
	state    state
}

// parseConstructor is "parse a constructor string".
func parseConstructor(canon *Canon, input string) (Init, error) {
	if len(input) > patternBytesMax {
		return Init{}, errPatternLength
	}
	tokens, err := tokenize(input, true)
	if err != nil {
		return Init{}, err
	}
	p := &constructor{canon: canon, input: input, tokens: tokens, state: stateInit}
	for p.state != stateDone {
		if err := p.step(); err != nil {
			return Init{}, err
		}
	}
	if p.init.Parts[Hostname] != nil && p.init.Parts[Port] == nil {
		p.init.Parts[Port] = new(string)
	}
	return p.init, nil
}

// step looks at one token. Where the state changes, the tokens of the component may be looked at once more.
func (p *constructor) step() error {
	switch t := p.tokens[p.at]; {
	case t.kind == tokenEnd:
		p.end()
		return nil
	case t.kind == tokenOpen:
		p.depth++
		p.at++
		return nil
	case p.depth > 0:
		if t.kind == tokenClose {
			p.depth--
		}
		p.at++
		return nil
	}
	switch p.state {
	case stateInit:
		if p.is(p.at, ":") {
			p.rewind(state(Protocol))
			return nil
		}
	case state(Protocol):
		if p.is(p.at, ":") {
			return p.protocolEnd()
		}
	case stateAuthority:
		if p.is(p.at, "@") {
			p.rewind(state(Username))
			return nil
		}
		if p.is(p.at, "/") || p.searchBegins() || p.is(p.at, "#") {
			p.rewind(state(Hostname))
			return nil
		}
	case state(Username):
		if p.is(p.at, ":") {
			p.change(state(Password), 1)
			return nil
		}
		if p.is(p.at, "@") {
			p.change(state(Hostname), 1)
			return nil
		}
	case state(Password):
		if p.is(p.at, "@") {
			p.change(state(Hostname), 1)
			return nil
		}
	case state(Hostname):
		switch {
		case p.is(p.at, "["):
			p.brackets++
		case p.is(p.at, "]"):
			p.brackets--
		case p.is(p.at, ":") && p.brackets == 0:
			p.change(state(Port), 1)
			return nil
		default:
			if p.path() {
				return nil
			}
		}
	case state(Port):
		if p.path() {
			return nil
		}
	case state(Pathname):
		if p.tail() {
			return nil
		}
	case state(Search):
		if p.is(p.at, "#") {
			p.change(state(Hash), 1)
			return nil
		}
	}
	p.at++
	return nil
}

// end is what the end of the input means: in some states the component is only now known to be another.
func (p *constructor) end() {
	switch p.state {
	case stateInit: // there is no protocol: it is relative
		p.at = p.start
		if !p.tail() {
			p.change(state(Pathname), 0)
		}
	case stateAuthority:
		p.rewind(state(Hostname))
	default:
		p.change(stateDone, 0)
	}
}

// path changes the state where a path, a query or a fragment begins.
func (p *constructor) path() bool {
	if p.is(p.at, "/") {
		p.change(state(Pathname), 0)
		return true
	}
	return p.tail()
}

// tail changes the state where a query or a fragment begins.
func (p *constructor) tail() bool {
	switch {
	case p.is(p.at, "#"):
		p.change(state(Hash), 1)
	case p.searchBegins():
		p.change(state(Search), 1)
	default:
		return false
	}
	return true
}

// protocolEnd leaves the protocol, whose pattern says whether an authority follows.
func (p *constructor) protocolEnd() error {
	c, err := compile(p.component(), options{}, p.canon.Protocol)
	if err != nil {
		return err
	}
	p.special = c.matchesSpecial()
	switch {
	case p.is(p.at+1, "/") && p.is(p.at+2, "/"):
		p.change(stateAuthority, 3)
	case p.special:
		p.change(stateAuthority, 1)
	default:
		p.change(state(Pathname), 1)
	}
	return nil
}

// change ends the component, fills in what was left out before the next, and goes on after skip tokens.
func (p *constructor) change(to state, skip int) {
	if p.state < state(Components) {
		value := p.component()
		p.init.Parts[p.state] = &value
	}
	if p.state != stateInit && to != stateDone {
		before := func(c Component) bool { return p.state < state(c) || p.state == stateAuthority }
		after := func(c Component) bool { return to > state(c) && to < state(Components) }
		fill := func(c Component, value string) {
			if before(c) && after(c) && p.init.Parts[c] == nil {
				p.init.Parts[c] = &value
			}
		}
		fill(Hostname, "")
		if p.special {
			fill(Pathname, "/")
		}
		fill(Pathname, "")
		fill(Search, "")
	}
	p.state = to
	p.at += skip
	p.start = p.at
}

// rewind looks at the tokens of the component again, in another state.
func (p *constructor) rewind(to state) {
	p.at, p.state = p.start, to
}

// component is the input from the start of the component to the token looked at.
func (p *constructor) component() string {
	return p.input[p.token(p.start).index:p.tokens[p.at].index]
}

// token is "get a safe token": the end follows the last.
func (p *constructor) token(i int) token {
	return p.tokens[min(i, len(p.tokens)-1)]
}

// is is "is a non-special pattern char".
func (p *constructor) is(i int, value string) bool {
	t := p.token(i)
	return t.value == value && (t.kind == tokenChar || t.kind == tokenEscaped || t.kind == tokenInvalid)
}

// searchBegins is "is a search prefix": a "?" that is no modifier.
func (p *constructor) searchBegins() bool {
	if p.is(p.at, "?") {
		return true
	}
	if p.token(p.at).value != "?" || p.token(p.at).kind != tokenModifier {
		return false
	}
	if p.at == 0 {
		return true
	}
	switch p.tokens[p.at-1].kind {
	case tokenName, tokenRegexp, tokenClose, tokenAsterisk:
		return false
	}
	return true
}
