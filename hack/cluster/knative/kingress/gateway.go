package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/networking/pkg/ingress"
	"knative.dev/pkg/network"
)

// visibility says who may come in by a route.
type visibility bool

const (
	private visibility = false // the cluster alone
	public  visibility = true  // and everybody else
)

// route is a path of one host and where it leads.
type route struct {
	path       v1alpha1.HTTPIngressPath
	visibility visibility
}

// routes are those of each host, the most specific first.
type routes map[string][]route

// gateway is the reverse proxy.
type gateway struct {
	backends backends
	current  atomic.Pointer[routes]

	mu        sync.Mutex
	ingresses map[types.NamespacedName]*v1alpha1.Ingress
}

func newGateway(b backends) *gateway {
	g := &gateway{backends: b, ingresses: map[types.NamespacedName]*v1alpha1.Ingress{}}
	g.current.Store(&routes{})
	return g
}

// set takes an Ingress, or nil when there is none any more, into the routes.
func (g *gateway) set(name types.NamespacedName, to *v1alpha1.Ingress) error {
	if to != nil {
		// By this Knative sees which version of a route answers.
		if _, err := ingress.InsertProbe(to); err != nil {
			return fmt.Errorf("insert a probe: %w", err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if to == nil {
		delete(g.ingresses, name)
	} else {
		g.ingresses[name] = to
	}
	all := routesOf(g.ingresses)
	g.current.Store(&all)
	return nil
}

func routesOf(ingresses map[types.NamespacedName]*v1alpha1.Ingress) routes {
	all := routes{}
	for _, i := range ingresses {
		for _, rule := range i.Spec.Rules {
			hosts, who := sets.New(rule.Hosts...), public
			if rule.Visibility == v1alpha1.IngressVisibilityClusterLocal {
				hosts, who = ingress.ExpandedHosts(hosts), private
			}
			for host := range hosts {
				for _, path := range rule.HTTP.Paths {
					all[host] = append(all[host], route{path, who})
				}
			}
		}
	}
	for _, of := range all {
		slices.SortStableFunc(of, func(a, b route) int {
			return cmp.Or(
				cmp.Compare(len(b.path.Path), len(a.path.Path)),
				cmp.Compare(len(b.path.Headers), len(a.path.Headers)))
		})
	}
	return all
}

// match finds where a request goes, if it came by a door of that visibility.
func (all routes) match(r *http.Request, door visibility) (v1alpha1.HTTPIngressPath, bool) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
next:
	for _, to := range all[host] {
		if door == public && to.visibility == private || !strings.HasPrefix(r.URL.Path, to.path.Path) {
			continue
		}
		for name, match := range to.path.Headers {
			if r.Header.Get(name) != match.Exact {
				continue next
			}
		}
		return to.path, true
	}
	return v1alpha1.HTTPIngressPath{}, false
}

// pick chooses among backends by their shares of the traffic.
func pick(splits []v1alpha1.IngressBackendSplit) v1alpha1.IngressBackendSplit {
	total := 0
	for _, s := range splits {
		total += s.Percent
	}
	if total > 0 {
		n := rand.IntN(total)
		for _, s := range splits {
			if n -= s.Percent; n < 0 {
				return s
			}
		}
	}
	return splits[0]
}

// backendKey is where a request's context has its backend.
type backendKey struct{}

func (g *gateway) handler(door visibility) http.Handler {
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // streams
		Transport:     &transport{g.backends},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
			p.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Printf("%s %s: %v", r.Host, r.URL.Path, err)
			http.Error(w, "the service cannot be reached", http.StatusServiceUnavailable)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.kingress/healthz" {
			return
		}
		to, ok := g.current.Load().match(r, door)
		if !ok {
			http.NotFound(w, r)
			return
		}
		backend := pick(to.Splits)
		for _, headers := range []map[string]string{to.AppendHeaders, backend.AppendHeaders} {
			for name, value := range headers {
				r.Header.Set(name, value)
			}
		}
		if to.RewriteHost != "" {
			r.Host = to.RewriteHost
		}
		r.URL = &url.URL{Scheme: "http", Host: backend.ServiceName, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), backendKey{}, backend)))
	})
}

// transport sends a request to a pod of its backend. A pod may be gone before
// the cluster says so: as long as nothing was sent, another is tried.
type transport struct{ backends backends }

// A backend has this long to come back, looked at this often.
const (
	patience = 2500 * time.Millisecond
	pause    = 50 * time.Millisecond
)

var (
	plain = network.NewProxyAutoTransport(1000, 100) // in the version that the request came in
	http2 = func() http.RoundTripper {
		t := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
		t.Protocols.SetUnencryptedHTTP2(true)
		return t
	}()
)

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	backend := r.Context().Value(backendKey{}).(v1alpha1.IngressBackendSplit)
	r = r.Clone(r.Context())
	for deadline := time.Now().Add(patience); ; {
		address, h2c, err := t.backends.address(backend)
		if err == nil {
			r.URL.Host = address
			send := plain
			if h2c {
				send = http2
			}
			response, sendErr := send.RoundTrip(r)
			if sendErr == nil {
				return response, nil
			}
			var op *net.OpError
			if !errors.As(sendErr, &op) || op.Op != "dial" {
				return nil, sendErr
			}
			err = sendErr
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// backends knows the pods behind services.
type backends struct {
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
}

var errNoEndpoint = errors.New("no ready endpoint")

// address is that of one ready pod of a backend, and whether it speaks HTTP/2 in
// clear text only.
func (b backends) address(to v1alpha1.IngressBackendSplit) (address string, h2c bool, err error) {
	service, err := b.services.Services(to.ServiceNamespace).Get(to.ServiceName)
	if err != nil {
		return "", false, err
	}
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return to.ServicePort == intstr.FromString(p.Name) || to.ServicePort == intstr.FromInt32(p.Port)
	})
	if i < 0 {
		return "", false, fmt.Errorf("service %s/%s has no port %s", to.ServiceNamespace, to.ServiceName, to.ServicePort.String())
	}
	port := service.Spec.Ports[i]
	h2c = port.Name == networking.ServicePortNameH2C || port.AppProtocol != nil && *port.AppProtocol == networking.AppProtocolH2C
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return net.JoinHostPort(service.Spec.ExternalName, strconv.Itoa(int(port.Port))), h2c, nil
	}

	found, err := b.slices.EndpointSlices(to.ServiceNamespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: to.ServiceName}))
	if err != nil {
		return "", false, err
	}
	var ready []string
	for _, slice := range found {
		for _, p := range slice.Ports {
			if p.Port == nil || p.Name == nil || *p.Name != port.Name {
				continue
			}
			for _, e := range slice.Endpoints {
				if e.Conditions.Ready == nil || *e.Conditions.Ready {
					ready = append(ready, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*p.Port))))
				}
			}
		}
	}
	if len(ready) == 0 {
		return "", false, errNoEndpoint
	}
	return ready[rand.IntN(len(ready))], h2c, nil
}
