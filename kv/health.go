package kv

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// Behind are the streams of which the member of a name does not have everything yet, by what their leaders say. A cluster that
// loses another member meanwhile may not be able to go on.
func (s *Store) Behind(ctx context.Context, member string) (streams []string, err error) {
	var all []string
	if err := s.each(ctx, func(c jetstream.StreamConfig) { all = append(all, c.Name) }); err != nil {
		return nil, err
	}
	for _, name := range all {
		var info struct{ Cluster copies }
		if err := s.api(ctx, "STREAM.INFO."+name, "", &info); err != nil {
			return nil, err
		}
		if !info.Cluster.has(member) {
			streams = append(streams, name)
		}
	}
	return streams, nil
}
