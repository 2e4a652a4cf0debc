package main

import (
	"context"
	"errors"
	"time"
)

// copyEventingManifests copies the manifests of Knative Eventing out of its Go
// module, with the channels in memory and the broker that stands on channels.
// What would only be links is left out, and so are a sink for jobs, a source of
// pings and a sink for replies, which nobody here needs.
func copyEventingManifests(ctx context.Context, c cluster, to string) error {
	const (
		eventing = "knative.dev/eventing"
		channel  = "config/channels/in-memory-channel/"
		broker   = "config/brokers/mt-channel-broker/"
	)
	return c.copyManifests(ctx, to, []manifestFiles{
		{"definitions", eventing, "config/core/resources/*.yaml"},
		{"definitions", eventing, channel + "resources/*.yaml"},
		{"namespace", eventing, "config/core/100-namespace.yaml"},
		{"core", eventing, "config/core/200-*.yaml"},
		{"core", eventing, "config/core/roles/*.yaml"},
		{"core", eventing, "config/core/configmaps/*.yaml"},
		// The names of images that the controller wants to know. Those of the
		// core's ConfigMaps are links to them.
		{"core", eventing, "third_party/eventing-integrations-latest/*.yaml"},
		{"core", eventing, "config/core/deployments/controller.yaml"},
		{"core", eventing, "config/core/deployments/webhook.yaml"},
		{"core", eventing, "config/core/webhooks/*.yaml"},
		{"core", eventing, channel + "200-*.yaml"},
		{"core", eventing, channel + "roles/*.yaml"},
		{"core", eventing, channel + "configmaps/*.yaml"},
		{"core", eventing, channel + "deployments/*.yaml"},
		{"core", eventing, channel + "webhooks/*.yaml"},
		{"core", eventing, broker + "roles/*.yaml"},
		{"core", eventing, broker + "deployments/broker-*.yaml"},
		{"core", eventing, broker + "deployments/controller.yaml"},
	})
}

// eventing puts Knative Eventing on the node.
func (c cluster) eventing(ctx context.Context) error {
	begin := time.Now()
	if _, ok := c.running(); !ok {
		return errors.New("there is no node: run hack/cluster/cluster up first")
	}
	if err := c.build(ctx, []string{"eventing"}); err != nil {
		return err
	}
	images := map[string]maker{}
	for _, program := range []string{"controller", "webhook", "ingress", "filter", "mtchannel_broker", "channel_controller", "channel_dispatcher"} {
		images["eventing/"+program] = c.onBase("eventing", program, nonroot)
	}
	published, err := c.publish(ctx, images)
	if err != nil {
		return err
	}
	if err := c.applyManifests(ctx, "eventing", published); err != nil {
		return err
	}
	if err := c.available(ctx); err != nil {
		return err
	}
	say("%s: Knative Eventing is up", elapsed(begin))
	return nil
}
