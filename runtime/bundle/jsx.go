package bundle

// tag opens a JSX element where "<" stands for one; the lexer is behind the "<".
func (l *lexer) tag() bool {
	if l.top().kind == bracketElement || l.top().kind == bracketTag {
		l.push(bracketTag)
		return true
	}
	c := l.at(0)
	if !l.operand || c != '>' && (!isNameByte(c) || '0' <= c && c <= '9') {
		return false
	}
	i := 0
	for isNameByte(l.at(i)) && i < len(l.source) {
		i++
	}
	if l.at(i) == ',' { // TSX: <T,>(x: T) => x
		return false
	}
	const extends = " extends "
	if rest := l.source[l.pos:]; len(rest) > i+len(extends) && rest[i:i+len(extends)] == extends {
		return false
	}
	l.push(bracketTag)
	l.operand, l.statement = false, false
	return true
}

// jsxText takes what stands between tags, or a closing tag; false at a tag or an expression.
func (l *lexer) jsxText() (t token, ok bool) {
	t = token{kind: tokenText, start: l.pos}
	for l.pos < len(l.source) && l.source[l.pos] != '<' && l.source[l.pos] != '{' {
		l.pos++
	}
	if l.pos == t.start {
		if l.at(0) != '<' || l.at(1) != '/' {
			return t, false
		}
		l.skipPast(">", true)
		l.pop()
		l.ended(&t)
	}
	t.end = l.pos
	return t, t.end > t.start
}
