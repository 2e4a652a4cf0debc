// Command cluster runs a real Kubernetes of one node, and on it a real Knative,
// on one machine that reaches no container registry. README.md beside this file
// says what it is for, and what it is not.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: hack/cluster/cluster COMMAND

  build [PART…]     compile everything (or kubernetes, coredns, knative, eventing, programs, ollama);
                    what is up to date is kept
  up                start the node; it is ready when this ends
  knative           put Knative Serving on it
  eventing          put Knative Eventing beside that, with channels in memory
  load [IMAGE…]     put postgres, ollama and hello into its registry, or those that are named;
                    NAME=FILE.tar puts an image that docker save has written
  status            say what runs; the exit status is 1 when nothing does
  env               print the environment for a shell: eval "$(hack/cluster/cluster env)"
  down              end it and remove everything but the compiled programs

  CLUSTER_NAME (todochat), CLUSTER_API_PORT (26443), CLUSTER_INGRESS_PORT (28080),
  CLUSTER_REGISTRY_PORT (25000), CLUSTER_DOMAIN (example.com), XDG_CACHE_HOME
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	switch err := run(ctx, os.Args[1:]); {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case errors.Is(err, errDown):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	command, args := args[0], args[1:]
	if len(args) > 0 && command != "build" && command != "load" && command != insideNode {
		return errUsage
	}
	c, err := newCluster(os.Getenv)
	if err != nil {
		return err
	}
	switch command {
	case "env":
		fmt.Print(c.environment())
		return nil
	case "status":
		return c.status(ctx)
	case insideNode:
		return c.node(ctx, args)
	}

	if os.Getuid() != 0 {
		return errors.New("namespaces, cgroups and mounts take root: run this as root")
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	switch command {
	case "build":
		return c.build(ctx, args)
	case "up":
		return c.up(ctx)
	case "knative":
		return c.knative(ctx)
	case "eventing":
		return c.eventing(ctx)
	case "load":
		return c.load(ctx, args)
	case "down":
		return c.down(ctx)
	default:
		return errUsage
	}
}
