// Package http1 turns bytes into requests and answers into bytes (RFC 9112). It knows no sockets and no JavaScript.
//
// A connection owns one Parser. It feeds what it has read to Parse and drops the bytes Parse has taken; the verdict
// on a request is the same at every split of the input. Append* write answers into a caller's buffer.
package http1
