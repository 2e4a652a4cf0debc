// Command kingress is the ingress of the test cluster: it carries out Knative's
// Ingress objects with a reverse proxy of its own. The reconciler in this file
// makes a table of routes of them; gateway.go serves it.
//
// Port 8080 is for the world, port 8081 for what is only for the cluster. It
// does not do TLS, and there may be only one of it.
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	ingressinformer "knative.dev/networking/pkg/client/injection/informers/networking/v1alpha1/ingress"
	ingressreconciler "knative.dev/networking/pkg/client/injection/reconciler/networking/v1alpha1/ingress"
	serviceinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/service"
	sliceinformer "knative.dev/pkg/client/injection/kube/informers/discovery/v1/endpointslice"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/network"
	"knative.dev/pkg/reconciler"
	"knative.dev/pkg/signals"
	"knative.dev/pkg/system"
)

// class is what says that an Ingress is for us.
const class = "kingress.local"

func main() {
	sharedmain.MainWithContext(sharedmain.WithHADisabled(signals.NewContext()), "kingress", newController)
}

func newController(ctx context.Context, _ configmap.Watcher) *controller.Impl {
	g := newGateway(backends{serviceinformer.Get(ctx).Lister(), sliceinformer.Get(ctx).Lister()})
	ours := reconciler.AnnotationFilterFunc(ingressreconciler.ClassAnnotationKey, class, false)
	impl := ingressreconciler.NewImpl(ctx, &ingresses{gateway: g}, class, func(*controller.Impl) controller.Options {
		return controller.Options{PromoteFilterFunc: ours}
	})
	_, err := ingressinformer.Get(ctx).Informer().AddEventHandler(cache.FilteringResourceEventHandler{
		FilterFunc: ours,
		Handler:    controller.HandleAll(impl.Enqueue),
	})
	if err != nil {
		log.Fatalln("watch ingresses:", err)
	}
	go serve(":8080", g.handler(public))
	go serve(":8081", g.handler(private))
	return impl
}

// serve takes HTTP/1 and HTTP/2 in clear text, which gRPC comes in.
func serve(address string, handler http.Handler) {
	server := &http.Server{Addr: address, Handler: handler, Protocols: new(http.Protocols), ReadHeaderTimeout: time.Minute}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	log.Fatal(server.ListenAndServe())
}

// ingresses tells the gateway of every Ingress, and Knative that it is ready: a
// route is in use as soon as the gateway has been told.
type ingresses struct{ gateway *gateway }

var (
	_ ingressreconciler.Interface    = (*ingresses)(nil)
	_ reconciler.OnDeletionInterface = (*ingresses)(nil)
)

func (i *ingresses) ReconcileKind(ctx context.Context, ingress *v1alpha1.Ingress) reconciler.Event {
	ingress.SetDefaults(ctx)
	ingress.Status.InitializeConditions()
	if err := i.gateway.set(types.NamespacedName{Namespace: ingress.Namespace, Name: ingress.Name}, ingress.DeepCopy()); err != nil {
		return err
	}
	ingress.Status.MarkNetworkConfigured()
	at := func(service string) []v1alpha1.LoadBalancerIngressStatus {
		return []v1alpha1.LoadBalancerIngressStatus{{DomainInternal: network.GetServiceHostname(service, system.Namespace())}}
	}
	ingress.Status.MarkLoadBalancerReady(at("kingress"), at("kingress-internal"))
	return nil
}

func (i *ingresses) ObserveDeletion(_ context.Context, name types.NamespacedName) error {
	return i.gateway.set(name, nil)
}
