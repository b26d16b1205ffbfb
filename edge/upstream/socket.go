package upstream

import "github.com/fortunadws/fortuna/edge/exchange"

func opensSocket(q *exchange.Request) bool { return false }
func (t *transit) forwardSocket()          {}
