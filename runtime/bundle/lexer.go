package bundle

import (
	"strings"
	"unicode/utf8"
)

// language is what a text is written in, as far as the lexer cares.
type language int

const (
	languageJS  language = iota // and TypeScript
	languageJSX                 // and TSX
	languageJSON
)

type tokenKind int

const (
	tokenEOF      tokenKind = iota
	tokenName               // identifiers, keywords, #private names
	tokenNumber             //
	tokenString             //
	tokenTemplate           // from ` or } to ` or ${
	tokenRegexp             // with its flags
	tokenPunct              //
	tokenText               // between JSX tags
)

// token is one token: source[start:end].
type token struct {
	kind       tokenKind
	start, end int
	newline    bool // a line ends between the token before and this one
}

type bracketKind int

const (
	bracketBlock    bracketKind = iota // { statements }
	bracketBody                        // { of a function or class that is an expression }
	bracketClass                       // { members }, of a class that is a statement, an enum, an interface
	bracketObject                      // { literal or pattern }
	bracketGroup                       // ( expression )
	bracketCall                        // ( arguments or parameters )
	bracketHead                        // ( of if, while, for, with )
	bracketArray                       // [ ]
	bracketTemplate                    // ${ }
	bracketTag                         // <tag, before its >
	bracketElement                     // between <tag> and </tag>
)

// bracket is one that is open.
type bracket struct {
	kind     bracketKind
	ternary  int  // "?" that wait for their ":"
	function bool // ( of a function that is an expression
	members  bool // { of a class
	pending  int  // tokens of the unfinished item
	declares bool // the item is a declaration: its commas are no operators
	class    int  // 1 after "class" as a statement, 2 as an expression, until its body
}

// lexer cuts JavaScript into tokens in one pass without recursion: it tells a regular expression from a division by
// the token before and the brackets that are open. On what is no JavaScript it still ends, with tokens that are guesses.
type lexer struct {
	source   string
	language language
	pos      int
	open     []bracket // the first stands for the file
	last     token     // of kind tokenEOF before the first

	operand   bool // an operand may come next, so "/" begins a regular expression and "{" an object
	statement bool // a statement may begin here
	function  int  // 1 after "function" as a statement, 2 as an expression, until "("
	body      bool // the ")" just closed ended the parameters of a function that is an expression
	member    bool // the last token was "." or "?.": a name after it is no keyword
}

func newLexer(source string, l language) *lexer {
	return &lexer{source: source, language: l, open: make([]bracket, 1, 64), operand: true, statement: l != languageJSON}
}

func (l *lexer) top() *bracket { return &l.open[len(l.open)-1] }

func (l *lexer) text(t token) string { return l.source[t.start:t.end] }

func (l *lexer) push(k bracketKind) { l.open = append(l.open, bracket{kind: k}) }

func (l *lexer) pop() bracket {
	b := *l.top()
	if len(l.open) > 1 {
		l.open = l.open[:len(l.open)-1]
	}
	return b
}

// next is the next token; its kind is tokenEOF for ever at the end.
func (l *lexer) next() token {
	if l.top().kind == bracketElement {
		if t, ok := l.jsxText(); ok {
			l.last = t
			return t
		}
	}
	newline := l.space()
	t := token{start: l.pos, newline: newline}
	if l.pos >= len(l.source) {
		t.end = l.pos
		return t
	}
	switch c := l.source[l.pos]; {
	case isNameByte(c):
		l.name(&t)
	case '0' <= c && c <= '9', c == '.' && l.at(1) >= '0' && l.at(1) <= '9':
		l.number(&t)
	case c == '"' || c == '\'':
		t.kind = tokenString
		l.quoted(c)
		l.ended(&t)
	case c == '`':
		l.pos++
		l.template(&t)
	case c == '/' && l.operand && l.top().kind != bracketTag:
		t.kind = tokenRegexp
		l.regexp()
		l.ended(&t)
	default:
		t.kind = tokenPunct
		l.punct(&t)
	}
	t.end = l.pos
	l.last = t
	return t
}

func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.source) {
		return l.source[l.pos+i]
	}
	return 0
}

// ended notes that an operand came to its end.
func (l *lexer) ended(*token) {
	l.operand, l.statement, l.member = false, false, false
}

// space skips white space and comments; it reports whether a line ended.
func (l *lexer) space() (newline bool) {
	for l.pos < len(l.source) {
		switch c := l.source[l.pos]; {
		case c == '\n' || c == '\r':
			newline = true
			l.pos++
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			l.pos++
		case c == '/' && l.at(1) == '/', c == '#' && l.at(1) == '!' && l.pos == 0:
			l.skipPast("\n", false)
		case c == '/' && l.at(1) == '*':
			from := l.pos
			l.pos += 2
			l.skipPast("*/", true)
			newline = newline || strings.ContainsAny(l.source[from:l.pos], "\r\n")
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.source[l.pos:])
			switch r {
			case '\u2028', '\u2029':
				newline = true
			case '\u00a0', '\ufeff', '\u1680', '\u202f', '\u205f', '\u3000':
			default:
				if r < '\u2000' || r > '\u200a' {
					return newline
				}
			}
			l.pos += n
		default:
			return newline
		}
	}
	return newline
}

// skipPast moves to the next end, or behind it.
func (l *lexer) skipPast(end string, behind bool) {
	i := strings.Index(l.source[l.pos:], end)
	if i < 0 {
		l.pos = len(l.source)
		return
	}
	l.pos += i
	if behind {
		l.pos += len(end)
	}
}

// quoted skips a string; one that is not closed ends with its line.
func (l *lexer) quoted(quote byte) {
	inTag := l.top().kind == bracketTag
	for l.pos++; l.pos < len(l.source); l.pos++ {
		switch c := l.source[l.pos]; {
		case c == quote:
			l.pos++
			return
		case inTag: // JSX strings have no escapes and may hold line ends
		case c == '\\':
			l.pos++
			if l.at(0) == '\r' && l.at(1) == '\n' {
				l.pos++
			}
		case c == '\n' || c == '\r':
			return
		}
	}
	l.pos = min(l.pos, len(l.source))
}

// template skips a part of a template, behind ` or ${.
func (l *lexer) template(t *token) {
	t.kind = tokenTemplate
	for ; l.pos < len(l.source); l.pos++ {
		switch c := l.source[l.pos]; {
		case c == '`':
			l.pos++
			l.ended(t)
			return
		case c == '\\':
			l.pos++
		case c == '$' && l.at(1) == '{':
			l.pos += 2
			l.push(bracketTemplate)
			l.operand, l.statement, l.member = true, false, false
			return
		}
	}
	l.pos = min(l.pos, len(l.source))
	l.ended(t)
}

// regexp skips a regular expression and its flags; one that is not closed ends with its line.
func (l *lexer) regexp() {
	class := false
	for l.pos++; l.pos < len(l.source); l.pos++ {
		switch c := l.source[l.pos]; {
		case c == '\\' && l.at(1) != '\n':
			l.pos++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			l.pos++
			for l.pos < len(l.source) && isNameByte(l.source[l.pos]) {
				l.pos++
			}
			return
		case c == '\n' || c == '\r':
			return
		}
	}
	l.pos = min(l.pos, len(l.source))
}

func (l *lexer) number(t *token) {
	t.kind = tokenNumber
	for l.pos < len(l.source) {
		c := l.source[l.pos]
		if (c == '+' || c == '-') && l.source[l.pos-1]|0x20 == 'e' && !strings.HasPrefix(l.source[t.start:], "0x") {
			l.pos++
			continue
		}
		if c != '.' && !isNameByte(c) {
			break
		}
		l.pos++
	}
	l.ended(t)
}

// isNameByte reports whether c can be part of a name. A backslash can: it begins a Unicode escape.
func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '$' || c == '#' || c == '\\' || c == '@' || c >= utf8.RuneSelf
}

// name takes an identifier or keyword and what follows from it for the next token.
func (l *lexer) name(t *token) {
	t.kind = tokenName
	for l.pos < len(l.source) && isNameByte(l.source[l.pos]) {
		if l.source[l.pos] == '\\' && l.at(1) == 'u' && l.at(2) == '{' {
			l.skipPast("}", true)
			continue
		}
		l.pos++
	}
	if l.top().kind == bracketTag { // "-" belongs to JSX names
		for l.pos < len(l.source) && (isNameByte(l.source[l.pos]) || strings.IndexByte("-:.", l.source[l.pos]) >= 0) {
			l.pos++
		}
	}
	word := l.source[t.start:l.pos]
	member := l.member
	operand, statement := l.operand, l.statement
	l.ended(t)
	if member {
		return
	}
	switch word {
	case "return", "typeof", "instanceof", "in", "new", "delete", "void", "throw", "case", "default", "extends", "await",
		"yield":
		l.operand = true
	case "of":
		l.operand = l.top().kind == bracketHead
	case "else", "do":
		l.operand, l.statement = true, true
	case "try", "finally", "catch":
		l.statement = true
	case "async", "export", "declare", "abstract":
		l.operand, l.statement = operand && statement, statement
		if operand && !statement && strings.HasPrefix(l.source[l.pos:], " function") {
			l.function = 2
		}
	case "function":
		switch {
		case l.function == 2:
		case operand && !statement:
			l.function = 2
		default:
			l.function = 1
		}
	case "class":
		l.top().class = 1
		if operand && !statement {
			l.top().class = 2
		}
	case "var", "let", "const":
		l.top().declares = true
	}
}

// punct takes one operator or bracket.
func (l *lexer) punct(t *token) {
	c := l.source[l.pos]
	l.pos++
	member := false
	switch c {
	case '(':
		k := bracketGroup
		if !l.operand {
			k = bracketCall
		}
		if l.last.kind == tokenName && !l.member {
			switch l.text(l.last) {
			case "if", "while", "for", "with", "await": // for await (
				k = bracketHead
				if l.text(l.last) == "await" {
					k = bracketGroup
				}
			}
		}
		l.push(k)
		l.top().function = l.function == 2
		l.function = 0
		l.operand, l.statement = true, false
	case ')':
		b := l.pop()
		l.operand, l.statement = b.kind == bracketHead, b.kind == bracketHead
		l.body = b.function
	case '[':
		l.push(bracketArray)
		l.operand, l.statement = true, false
	case ']':
		l.pop()
		l.operand, l.statement = false, false
	case '{':
		l.brace()
	case '}':
		l.unbrace(t)
		return
	case ';':
		l.operand, l.statement = true, true
	case ':':
		b := l.top()
		l.operand = true
		l.statement = b.ternary == 0 && b.kind == bracketBlock
		if b.ternary > 0 {
			b.ternary--
		}
	case '?':
		switch {
		case l.at(0) == '.' && (l.at(1) < '0' || l.at(1) > '9'):
			l.pos++
			member = true
		case l.at(0) == '?':
			l.pos++
		case l.at(0) == ':': // TypeScript: an optional property
		default:
			l.top().ternary++
		}
		l.operand, l.statement = true, false
	case '.':
		member = true
		if l.at(0) == '.' && l.at(1) == '.' {
			l.pos += 2
			member = false
		}
		l.operand, l.statement = true, false
	case '+', '-':
		if l.at(0) == c {
			l.pos++
			if !l.operand {
				break // postfix
			}
		}
		l.operand, l.statement = true, false
	case '=':
		if l.at(0) == '>' {
			l.pos++
		}
		l.operand, l.statement = true, false
	case '<':
		if l.language == languageJSX && l.tag() {
			break
		}
		l.operand, l.statement = true, false
	case '>':
		if l.top().kind == bracketTag {
			l.top().kind = bracketElement
		}
		l.operand, l.statement = true, false
	case '/':
		if l.top().kind == bracketTag && l.at(0) == '>' {
			l.pos++
			l.pop()
			l.operand, l.statement = false, false
			break
		}
		l.operand, l.statement = true, false
	default:
		l.operand, l.statement = true, false
	}
	l.member = member
}

// brace opens "{": what stands before tells what it is.
func (l *lexer) brace() {
	b, k, members := l.top(), bracketBlock, false
	last := ""
	if l.last.kind == tokenName || l.last.kind == tokenPunct {
		last = l.text(l.last)
	}
	switch {
	case b.kind == bracketTag || b.kind == bracketElement:
		k = bracketObject
	case b.class != 0 && !l.operand:
		k, members = bracketClass, true
		if b.class == 2 {
			k = bracketBody
		}
		b.class = 0
	case last == "=>", last == ")" && l.body:
		k = bracketBody
	case l.statement, last == ")":
	case l.operand:
		k = bracketObject
	case l.last.kind == tokenName:
		k = bracketClass
	}
	l.body = false
	l.push(k)
	l.top().members = members
	l.operand = true
	l.statement = k != bracketObject
}

// unbrace closes "}".
func (l *lexer) unbrace(t *token) {
	switch b := l.pop(); b.kind {
	case bracketTemplate:
		l.template(t)
	case bracketBlock, bracketClass:
		l.operand, l.statement, l.member = true, true, false
	default:
		l.ended(t)
	}
}
