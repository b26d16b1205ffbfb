package cli

import (
	"context"
	"errors"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/edge/acme"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/secret"
	"github.com/fortunadws/fortuna/kv/vault"
)

// What nodes keep together for TLS: certificates that were signed for them, and the keys of session tickets.
const (
	ticketRing   = "tls/tickets"
	ticketsEvery = 10 * time.Minute // they look at the keys
	ticketsRetry = 5 * time.Second  // after they could not
)

var errNotReached = errors.New("the store of the cluster was not reached yet")

// openVault opens what the nodes keep together that nobody else may read.
func (m *member) openVault() (*vault.Vault, error) {
	key, err := secret.ReadKey(m.identity.Path(cluster.SecretsFile))
	if err != nil {
		return nil, failed("", "%v", err)
	}
	return vault.New(m.vaultBucket, key), nil
}

func (m *member) vaultBucket() (*kv.Bucket, error) {
	if !m.online.Load() {
		return nil, errNotReached
	}
	b, _, err := m.store.bucket(vault.Config)
	return b, err
}

// certificates is where those are kept that an authority signs.
func (m *member) certificates() acme.Storage {
	return acme.Shared(m.vault, m.identity.Path("certificates"))
}

// opened has a client resume at one node what it began at another.
func (m *member) opened(e *entrance) {
	if e.tls == nil {
		return
	}
	m.working.Go(func() {
		for {
			wait, now := ticketsEvery, time.Now()
			ctx, cancel := context.WithTimeout(m.life, stateOpens)
			ring, err := m.vault.Ring(ctx, ticketRing, now)
			cancel()
			if err == nil {
				e.tls.SetTicketKeys(ring.Secrets(now))
			} else {
				wait = ticketsRetry
				m.house.journal.log.Debug("keys of session tickets", "err", err)
			}
			select {
			case <-time.After(wait):
			case <-m.life.Done():
				return
			}
		}
	})
}
