package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// manifestFiles are files of a Knative module, and the one that they are put into.
type manifestFiles struct{ to, module, files string }

// copyServingManifests copies the manifests of Knative Serving out of its Go
// modules. A module's archive has no symbolic links, and those of serving lead
// to files of networking and caching; so these come from there.
func copyServingManifests(ctx context.Context, c cluster, to string) error {
	const serving, networking, caching = "knative.dev/serving", "knative.dev/networking", "knative.dev/caching"
	return c.copyManifests(ctx, to, []manifestFiles{
		{"definitions", serving, "config/core/300-resources/*.yaml"},
		{"definitions", caching, "config/image.yaml"},
		{"definitions", networking, "config/certificate.yaml"},
		{"definitions", networking, "config/domain-claim.yaml"},
		{"definitions", networking, "config/ingress.yaml"},
		{"definitions", networking, "config/serverlessservice.yaml"},
		{"namespace", serving, "config/core/100-namespace.yaml"},
		{"core", serving, "config/core/200-serviceaccount.yaml"},
		{"core", serving, "config/core/300-knativecertificate.yaml"},
		{"core", serving, "config/core/999-cache.yaml"},
		{"core", serving, "config/core/200-roles/*.yaml"},
		{"core", serving, "config/core/webhooks/*.yaml"},
		{"core", serving, "config/core/configmaps/*.yaml"},
		{"core", networking, "config/config-network.yaml"},
		{"core", serving, "config/core/deployments/*.yaml"},
	})
}

// copyManifests puts manifests together as definitions.yaml and so on in a
// folder, in the order of the list.
func (c cluster) copyManifests(ctx context.Context, to string, list []manifestFiles) error {
	folders := map[string]string{}
	for _, m := range list {
		if folders[m.module] == "" {
			cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", m.module)
			cmd.Dir = filepath.Join(c.source, "knative")
			cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
			cmd.Stderr = os.Stderr
			folder, err := line(cmd)
			if err != nil {
				return err
			}
			folders[m.module] = folder
		}
		files, _ := filepath.Glob(filepath.Join(folders[m.module], m.files))
		if len(files) == 0 {
			return fmt.Errorf("there is no %s in %s", m.files, m.module)
		}
		var all []byte
		for _, file := range files {
			// The autoscalers of its own deployments want a metrics server.
			if strings.HasSuffix(file, "-hpa.yaml") {
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			all = fmt.Appendf(all, "---\n# %s\n%s\n", filepath.Base(file), content)
		}
		if err := appendTo(filepath.Join(to, m.to+".yaml"), all); err != nil {
			return err
		}
	}
	return nil
}

func appendTo(name string, content []byte) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// knative puts Knative Serving, and our ingress, on the node.
func (c cluster) knative(ctx context.Context) error {
	begin := time.Now()
	if _, ok := c.running(); !ok {
		return errors.New("there is no node: run hack/cluster/cluster up first")
	}
	if err := c.build(ctx, []string{"knative"}); err != nil {
		return err
	}
	images := map[string]maker{}
	for _, program := range []string{"activator", "autoscaler", "controller", "queue", "webhook", "kingress"} {
		images["knative/"+program] = c.onBase("knative", program, nonroot)
	}
	published, err := c.publish(ctx, images)
	if err != nil {
		return err
	}
	if err := c.applyManifests(ctx, "knative", published); err != nil {
		return err
	}
	ingress, err := c.render("kingress.yaml", published)
	if err != nil {
		return err
	}
	if err := c.apply(ctx, ingress); err != nil {
		return err
	}
	if err := c.available(ctx); err != nil {
		return err
	}
	say("%s: Knative Serving is up: http://%s with a host in %s leads to it", elapsed(begin), loopback(c.ingress), c.domain)
	return nil
}

// applyManifests applies what copyManifests has put together for a part: what it
// defines, then the rest.
func (c cluster) applyManifests(ctx context.Context, part string, images map[string]string) error {
	for _, name := range []string{"definitions", "namespace", "core"} {
		content, err := os.ReadFile(c.program(part, name+".yaml"))
		if err != nil {
			return err
		}
		if err := c.apply(ctx, c.adapted(content, part, images)); err != nil {
			return err
		}
		if name == "definitions" {
			_, err := c.kubectl(ctx, nil, "wait", "--for=condition=Established", "--timeout=60s", "customresourcedefinitions", "--all")
			if err != nil {
				return err
			}
		}
	}
	return nil
}

var koReference = regexp.MustCompile(`ko://[\w./-]+`)

// adapted names our images in Knative's manifests, and our settings. An image
// that is not ours to make keeps its name: nothing here ever runs it.
func (c cluster) adapted(manifests []byte, part string, images map[string]string) []byte {
	manifests = koReference.ReplaceAllFunc(manifests, func(reference []byte) []byte {
		if image, ok := images[part+"/"+path.Base(string(reference))]; ok {
			return []byte(image)
		}
		return bytes.TrimPrefix(reference, []byte("ko://"))
	})
	for name, setting := range map[string]string{
		"config-network": `ingress-class: "kingress.local"`,
		"config-domain":  fmt.Sprintf("%q: \"\"", c.domain),
		// Nothing in a pod reaches the registry by the name that it has here.
		"config-deployment": fmt.Sprintf("registries-skipping-tag-resolving: %q", "kind.local,ko.local,dev.local,"+loopback(c.registry)),
	} {
		manifests = setIn(manifests, name, setting)
	}
	return manifests
}

// setIn adds a line to the data of a ConfigMap.
func setIn(manifests []byte, name, setting string) []byte {
	documents := bytes.Split(manifests, []byte("\n---\n"))
	for i, document := range documents {
		if bytes.Contains(document, []byte("\nkind: ConfigMap\n")) && bytes.Contains(document, []byte("\n  name: "+name+"\n")) {
			documents[i] = bytes.Replace(document, []byte("\ndata:\n"), []byte("\ndata:\n  "+setting+"\n"), 1)
		}
	}
	return bytes.Join(documents, []byte("\n---\n"))
}
