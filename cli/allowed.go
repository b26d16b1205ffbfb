package cli

import (
	"slices"

	"github.com/fortunadws/fortuna/kv/artifact"
)

// allowed says what a deployed app asks for that is the node's to give: more memory or stack than the node lets an app have, for
// one request could end the process; or to fetch from addresses that are not public, such as the node's own.
func (m *member) allowed(p *project, v artifact.Version) error {
	node := m.house.config
	own, _, err := node.limits()
	if err != nil {
		return err
	}
	asked, _, err := p.config.limits()
	if err != nil {
		return err
	}
	for i, row := range asked.Table() {
		if most := own.Table()[i].Value; row.Unit != "ms" && row.Value > most {
			return refused("lower it, or raise limits."+row.Key+" in the "+configFile+" of the node", "limits.%s = %d: the node %s lets an app have %d %s at most", row.Key, row.Value, m.identity.Name, most, row.Unit)
		}
	}
	for _, a := range p.config.Egress {
		if !slices.Contains(node.Egress, a) {
			return refused("egress.allow = [\""+a+"\"] in the "+configFile+" of the node", "egress.allow: the node %s does not let apps fetch from %q", m.identity.Name, a)
		}
	}
	return nil
}
