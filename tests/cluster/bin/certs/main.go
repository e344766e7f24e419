// certs writes the keys and certificates of one test cluster into a directory:
// a CA, servers on loopback, clients for every component and person, an expired
// server certificate for the fault proxy and the service-account key.
// Standard library only; P-256, so that it takes milliseconds.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certificate describes one to be written: a client has groups, a server has addresses.
type certificate struct {
	file, name string
	groups     []string
	server     bool
	expired    bool
}

var wanted = []certificate{
	{file: "apiserver", name: "kube-apiserver", server: true},
	{file: "expired", name: "kube-apiserver", server: true, expired: true},
	{file: "kubelet", name: "kwok", server: true},
	{file: "admin", name: "admin", groups: []string{"system:masters"}},
	{file: "kwok", name: "kwok", groups: []string{"system:masters"}},
	{file: "traffic", name: "traffic", groups: []string{"system:masters"}},
	{file: "kubelet-client", name: "kube-apiserver", groups: []string{"system:masters"}},
	{file: "controller-manager", name: "system:kube-controller-manager"},
	{file: "scheduler", name: "system:kube-scheduler"},
	{file: "restricted", name: "restricted@corp"},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: certs DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "certs:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	ca, err := authority(dir)
	if err != nil {
		return err
	}
	for i, c := range wanted {
		if err := issue(dir, ca, c, int64(i+2)); err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := save(dir, "service-account.key", key); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return savePEM(dir, "service-account.pub", "PUBLIC KEY", public)
}

func authority(dir string) (signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signer{}, err
	}
	cert := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "ripcord-test-cluster"},
		NotBefore:             time.Now().Add(-72 * time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return signer{}, err
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		return signer{}, err
	}
	if err := save(dir, "ca.key", key); err != nil {
		return signer{}, err
	}
	return signer{parsed, key}, savePEM(dir, "ca.crt", "CERTIFICATE", raw)
}

func issue(dir string, ca signer, want certificate, serial int64) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: want.name, Organization: want.groups},
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if want.server {
		cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		cert.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4(10, 96, 0, 1)}
		cert.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default.svc"}
	}
	if want.expired {
		cert.NotAfter = time.Now().Add(-24 * time.Hour)
	}
	raw, err := x509.CreateCertificate(rand.Reader, cert, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return err
	}
	if err := save(dir, want.file+".key", key); err != nil {
		return err
	}
	return savePEM(dir, want.file+".crt", "CERTIFICATE", raw)
}

func save(dir, name string, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return savePEM(dir, name, "PRIVATE KEY", raw)
}

func savePEM(dir, name, kind string, raw []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}
