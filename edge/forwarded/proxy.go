package forwarded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// ErrProxy is bytes that are no header of the PROXY protocol: the connection is not to be used.
var ErrProxy = errors.New("forwarded: not a header of the PROXY protocol")

const (
	line     = "PROXY "                 // begins version 1
	mark     = "\r\n\r\n\x00\r\nQUIT\n" // begins version 2
	lineMax  = 107                      // of version 1, with its CRLF
	extraMax = 4 << 10                  // of version 2: addresses and what proxies add to them
	addrs4   = 4 + 4 + 2 + 2            // the addresses and ports of version 2 over IPv4
	addrs6   = 16 + 16 + 2 + 2          // and over IPv6
)

// ParseProxy reads the header that a proxy begins a connection with (the PROXY protocol of HAProxy, versions 1 and 2). It
// returns how many bytes of buf the header has, 0 while more must come, and who connected to the proxy; that is invalid when
// the proxy speaks for itself.
func ParseProxy(buf []byte) (client netip.AddrPort, n int, err error) {
	switch {
	case bytes.HasPrefix(buf, []byte(mark)):
		return parseBinary(buf)
	case bytes.HasPrefix(buf, []byte(line)):
		return parseLine(buf)
	case len(buf) < len(mark) && strings.HasPrefix(mark, string(buf)), len(buf) < len(line) && strings.HasPrefix(line, string(buf)):
		return netip.AddrPort{}, 0, nil
	}
	return netip.AddrPort{}, 0, ErrProxy
}

// parseLine reads "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n".
func parseLine(buf []byte) (client netip.AddrPort, n int, err error) {
	end := bytes.Index(buf[:min(len(buf), lineMax)], []byte("\r\n"))
	if end < 0 {
		if len(buf) >= lineMax {
			return client, 0, ErrProxy
		}
		return client, 0, nil
	}
	words := strings.Split(string(buf[:end]), " ")
	if words[1] == "UNKNOWN" {
		return client, end + 2, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return client, 0, ErrProxy
	}
	from, okFrom := parseEnd(words[2], words[4], words[1] == "TCP4")
	_, okTo := parseEnd(words[3], words[5], words[1] == "TCP4")
	if !okFrom || !okTo {
		return client, 0, ErrProxy
	}
	return from, end + 2, nil
}

// parseEnd reads one end of a connection.
func parseEnd(address, port string, v4 bool) (end netip.AddrPort, ok bool) {
	a, err := netip.ParseAddr(address)
	p, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || a.Is4() != v4 || a.Zone() != "" || len(port) > 1 && port[0] == '0' {
		return end, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}

// parseBinary reads version 2.
func parseBinary(buf []byte) (client netip.AddrPort, n int, err error) {
	if len(buf) < len(mark)+4 {
		return client, 0, nil
	}
	command, family := buf[len(mark)], buf[len(mark)+1]
	size := int(binary.BigEndian.Uint16(buf[len(mark)+2:]))
	if command != 0x20 && command != 0x21 || size > extraMax {
		return client, 0, ErrProxy
	}
	n = len(mark) + 4 + size
	if len(buf) < n {
		return client, 0, nil
	}
	at := buf[len(mark)+4 : n]
	switch {
	case command == 0x20: // LOCAL: the proxy looks whether we are well
	case family == 0x11 && size >= addrs4:
		client = netip.AddrPortFrom(netip.AddrFrom4([4]byte(at)), binary.BigEndian.Uint16(at[8:]))
	case family == 0x21 && size >= addrs6:
		client = netip.AddrPortFrom(netip.AddrFrom16([16]byte(at)).Unmap(), binary.BigEndian.Uint16(at[32:]))
	case family == 0x11, family == 0x21:
		return client, 0, ErrProxy
	}
	return client, n, nil
}
