package main

import (
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

func TestTheMostSpecificRouteThatTheDoorAllowsIsTaken(t *testing.T) {
	t.Parallel()
	path := func(prefix, to string, headers map[string]v1alpha1.HeaderMatch) v1alpha1.HTTPIngressPath {
		return v1alpha1.HTTPIngressPath{Path: prefix, Headers: headers, Splits: []v1alpha1.IngressBackendSplit{{
			IngressBackend: v1alpha1.IngressBackend{ServiceName: to}, Percent: 100,
		}}}
	}
	all := routesOf(map[types.NamespacedName]*v1alpha1.Ingress{{Name: "a"}: {Spec: v1alpha1.IngressSpec{Rules: []v1alpha1.IngressRule{
		{
			Hosts: []string{"todo.example.com"},
			HTTP: &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{
				path("", "root", nil),
				path("/api", "api", nil),
				path("/api", "tagged", map[string]v1alpha1.HeaderMatch{"Tag": {Exact: "x"}}),
			}},
		},
		{
			Hosts:      []string{"todo.default.svc.cluster.local"},
			Visibility: v1alpha1.IngressVisibilityClusterLocal,
			HTTP:       &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{path("", "inner", nil)}},
		},
	}}}})
	for _, test := range []struct {
		host, path, tag string
		door            visibility
		want            string
	}{
		{"todo.example.com", "/", "", public, "root"},
		{"todo.example.com:28080", "/api/todos", "", public, "api"},
		{"todo.example.com", "/api/todos", "x", public, "tagged"},
		{"todo.example.com", "/", "", private, "root"},
		{"todo.default", "/", "", private, "inner"},
		{"todo.default.svc", "/", "", private, "inner"},
		{"todo.default.svc.cluster.local", "/", "", public, ""},
		{"elsewhere.example.com", "/", "", public, ""},
	} {
		r := httptest.NewRequest("GET", test.path, nil)
		r.Host = test.host
		r.Header.Set("Tag", test.tag)
		to, ok := all.match(r, test.door)
		got := ""
		if ok {
			got = pick(to.Splits).ServiceName
		}
		if got != test.want {
			t.Errorf("%s%s: got %q, want %q", test.host, test.path, got, test.want)
		}
	}
}

func TestTrafficIsSplitByPercent(t *testing.T) {
	t.Parallel()
	splits := []v1alpha1.IngressBackendSplit{
		{IngressBackend: v1alpha1.IngressBackend{ServiceName: "a"}, Percent: 0},
		{IngressBackend: v1alpha1.IngressBackend{ServiceName: "b"}, Percent: 100},
	}
	for range 100 {
		if got := pick(splits).ServiceName; got != "b" {
			t.Fatalf("a backend with no share got a request: %s", got)
		}
	}
}
