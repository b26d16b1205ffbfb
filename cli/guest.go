package cli

import (
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// inboxOf is what the subjects of answers to a node begin with.
func inboxOf(name string) string { return "_INBOX_" + name }

// workerRights are what a node without the store may say to it. It reads what is deployed and keeps what apps keep; it
// releases nothing, makes no grant and changes no stream.
func workerRights(name string) embedded.Rights {
	return embedded.Rights{
		Inbox: inboxOf(name),
		Publish: []string{
			"$KV.>", "fortuna.channel.>", "fortuna.queue.>", "fortuna.counter.>", "fortuna.log.>", kv.BeatSubject(name), "$JS.ACK.>", "$JS.FC.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.MSG.GET.*",
			"$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.>",
		},
		PublishDenied: []string{
			"$KV.cluster.>", "$KV.files.>", "$KV.secrets.>", "fortuna.log." + auditConfig.Name + ".>",
			"$JS.API.CONSUMER.PAUSE.>", "$JS.API.CONSUMER.LEADER.>",
		},
		Subscribe: []string{inboxOf(name) + ".>", "fortuna.>"},
	}
}
