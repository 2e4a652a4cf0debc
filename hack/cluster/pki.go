package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// authority signs the cluster's certificates. They last as long as the cluster,
// which is a day's work and not a month's.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pem         []byte
	serial      int64
}

const certificatesLast = 365 * 24 * time.Hour

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(certificatesLast),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	template, err = x509.ParseCertificate(der)
	return &authority{certificate: template, key: key, pem: block("CERTIFICATE", der), serial: 1}, err
}

// identity is a signed certificate with its key, as PEM.
type identity struct{ certificate, key []byte }

// sign makes an identity. Its organisation is what Kubernetes takes for a group.
func (a *authority) sign(name, group string, hosts ...string) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(certificatesLast),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if group != "" {
		template.Subject.Organization = []string{group}
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return identity{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	return identity{block("CERTIFICATE", der), block("PRIVATE KEY", private)}, err
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// identities writes the keys and certificates of all programs, and how they and
// the user reach the API server.
func (c cluster) identities() error {
	ca, err := newAuthority("todochat cluster " + c.name)
	if err != nil {
		return err
	}
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	accountsPrivate, err1 := x509.MarshalPKCS8PrivateKey(accounts)
	accountsPublic, err2 := x509.MarshalPKIXPublicKey(accounts.Public())
	server, err3 := ca.sign("kube-apiserver", "", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "localhost", "127.0.0.1", nodeAddress, apiService)
	toKubelet, err4 := ca.sign("kube-apiserver-kubelet-client", "system:masters")
	kubelet, err5 := ca.sign("system:node:"+c.name, "system:nodes", c.name, nodeAddress)
	admin, err6 := ca.sign("admin", "system:masters")
	models, err8 := ca.sign(modelRegistry, "", modelRegistry, nodeAddress)
	caPrivate, err7 := x509.MarshalPKCS8PrivateKey(ca.key)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	inside := fmt.Sprintf("https://%s:%d", nodeAddress, apiPort)
	for name, content := range map[string][]byte{
		"ca.crt":             ca.pem,
		"ca.key":             block("PRIVATE KEY", caPrivate),
		"accounts.key":       block("PRIVATE KEY", accountsPrivate),
		"accounts.pub":       block("PUBLIC KEY", accountsPublic),
		"apiserver.crt":      server.certificate,
		"apiserver.key":      server.key,
		"models.crt":         models.certificate,
		"models.key":         models.key,
		"to-kubelet.crt":     toKubelet.certificate,
		"to-kubelet.key":     toKubelet.key,
		"kubelet.crt":        kubelet.certificate,
		"kubelet.key":        kubelet.key,
		"admin.kubeconfig":   c.access("https://"+loopback(c.api), ca, admin),
		"node.kubeconfig":    c.access(inside, ca, admin),
		"kubelet.kubeconfig": c.access(inside, ca, kubelet),
	} {
		if err := os.WriteFile(c.etc(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// access is a kubeconfig.
func (c cluster) access(server string, ca *authority, who identity) []byte {
	text := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: %[1]s
  cluster: {server: %[2]q, certificate-authority-data: %[3]s}
users:
- name: %[1]s
  user: {client-certificate-data: %[4]s, client-key-data: %[5]s}
contexts:
- name: %[1]s
  context: {cluster: %[1]s, user: %[1]s}
current-context: %[1]s
`, c.name, server, text(ca.pem), text(who.certificate), text(who.key))
}
