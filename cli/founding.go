package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/fortunadws/fortuna/cli/cluster"
)

// nodeProject is the configuration of a node: the file that was named, or fortuna.toml in its data directory.
func nodeProject(dir, file, cwd string) (*project, error) {
	p := &project{root: dir, shown: "node", given: map[string]bool{}}
	var err error
	if file != "" {
		file = absolute(cwd, file)
		if !isFile(file) {
			return nil, refused("", "--config %s: there is no such file", file)
		}
		p.root = filepath.Dir(file)
		p.config, err = readConfig(file, "")
	} else {
		p.config, err = loadConfig(dir, "")
	}
	return p, err
}

// identify is who the node is: as the data directory says, or a new one, of its own cluster or that of a ticket.
func (h *house) identify(ctx context.Context, dir string) (*cluster.Identity, error) {
	o := &h.options
	there, err := cluster.Exists(dir)
	if err != nil {
		return nil, failed("", "%v", err)
	}
	if there {
		id, err := cluster.Load(dir)
		switch {
		case err != nil:
			return nil, refused("", "%v", err)
		case o.name != "" && o.name != id.Name:
			return nil, refused("fortuna serve --data "+o.data, "the node in %s is called %s, and keeps that name: got --name %s", o.data, id.Name, o.name)
		}
		return id, nil // a ticket was for the first time
	}
	name := o.name
	if name == "" {
		if name, err = machineName(); err != nil {
			return nil, refused("fortuna serve --name n1", "%v", err)
		}
	}
	if err := cluster.CheckName(name); err != nil {
		return nil, usageError("fortuna serve --name n1", "%v", err)
	}
	if o.join == "" {
		id, err := cluster.Found(dir, name)
		if err != nil {
			return nil, failed("", "%v", err)
		}
		return id, nil
	}
	ticket, err := cluster.ParseTicket(o.join)
	if err != nil {
		return nil, usageError("fortuna token join --data <directory>, where the first node runs", "--join: %v", err)
	}
	id, err := cluster.Join(ctx, dir, name, o.role, ticket)
	var no *cluster.RefusedError
	switch {
	case errors.As(err, &no):
		return nil, refused("", "%v", err)
	case err != nil:
		return nil, &problem{exitUnreachable, err.Error(), "see that the first node runs, and that its --cluster address is reached from here"}
	}
	return id, nil
}

// machineName is what this machine is called, as the name of a node.
func machineName() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", err
	}
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	return name, nil
}
