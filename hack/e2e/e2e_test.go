//go:build e2e

// Package e2e deploys the system to a real cluster as its users do, by the
// README's own commands, and then uses it as they do: with curl, in a browser,
// by talking, and while things are taken away from under it.
//
// Run it with `make e2e`, and what needs Knative Eventing with `make e2e-events`.
// Without KUBECONFIG it brings up a cluster of its own (hack/cluster) and takes
// it down again; E2E_KEEP=1 leaves it up. With KUBECONFIG it uses that cluster,
// such as minikube's, on which Knative is installed already, with
// KO_DOCKER_REPO, and with INGRESS_URL where the frontend's host name does not
// lead to the ingress by itself. It makes and finally removes the namespace
// todochat there, and refuses to begin when there is one.
package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// step is a part of a journey.
type step struct {
	name string
	run  func(*testing.T, *system)
}

func TestOnKnative(t *testing.T) {
	journey(t, false, []step{
		{"the README's commands deploy it", deploy},
		{"the API server accepts every file", dryRun},
		{"applying again changes nothing", applyAgain},
		{"a pod that runs as root is refused", refuseRoot},
		{"the README's curl lines work", curl},
		{"a person uses it in a browser", browse},
		{"a thousand streams stay on one pod each", followChanges},
		{"all goes to zero, and a request wakes it", toZeroAndBack},
		{"scaling down loses no request", scaleDown},
		{"an update loses no request", update},
		{"a rollback, and forward again", rollBack},
		{"pods that go lose no request", deletePods},
		{"the database's pod goes, what was acknowledged stays", deleteDatabasePod},
		{"the database is lost, and restored from a backup", restore},
		{"chat gives Ollama's pod the intent model, and again when it is lost", readByIntentModel},
		{"chat asks the model in Ollama's pod", askModel},
		{"Ollama's pod goes, its models stay", deleteOllamaPod},
	})
}

// journey runs the steps on one system, since each needs what the ones before
// it have left. A step that fails ends it.
func journey(t *testing.T, eventing bool, steps []step) {
	began := time.Now()
	var phases strings.Builder
	defer func() { t.Logf("phases:\n%s%8.1f s in all", phases.String(), time.Since(began).Seconds()) }()
	phase := func(name string, run func(t *testing.T)) {
		began := time.Now()
		ok := t.Run(name, run)
		fmt.Fprintf(&phases, "%8.1f s  %s\n", time.Since(began).Seconds(), name)
		if !ok {
			t.FailNow()
		}
	}

	var s *system
	phase("a cluster", func(t *testing.T) { s = newSystem(t, eventing) })
	t.Cleanup(func() { s.close(t) })
	for _, step := range steps {
		phase(step.name, func(t *testing.T) { step.run(t, s) })
	}
}
