package papers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/duban-project/duban/services/internal/durable"
)

// How long what is issued holds.
const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 397 * 24 * time.Hour
	early           = time.Hour // clocks differ
)

// authorityKeyFile is the authority's key, in the folder above the roles'.
const authorityKeyFile = "ca.key"

// Issue gives each role new papers in a folder of its name beneath folder, which
// holds the installation's certification authority; without one it makes one. A
// folder that a role has is written over: it may be doing so while the role runs.
func Issue(folder, installation string, now time.Time, roles ...string) error {
	authority, err := openAuthority(folder, installation, now)
	if err != nil {
		return err
	}
	for _, role := range roles {
		if err := authority.issue(filepath.Join(folder, role), Name(installation, role), now); err != nil {
			return fmt.Errorf("the papers of %s: %w", role, err)
		}
	}
	return nil
}

// openAuthority reads the authority in folder, or makes one that can vouch for
// the installation's names and no others.
func openAuthority(folder, installation string, now time.Time) (authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, authorityFile), filepath.Join(folder, authorityKeyFile))
	if err == nil {
		return authority{pair.Leaf, pair.PrivateKey}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return authority{}, fmt.Errorf("reading the authority: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return authority{}, fmt.Errorf("making the authority's folder: %w", err)
	}
	domain := strings.TrimPrefix(suffix(installation), ".")
	own := authority{}
	return own, own.sign(filepath.Join(folder, authorityFile), filepath.Join(folder, authorityKeyFile), &x509.Certificate{
		Subject: pkix.Name{CommonName: "duban " + installation}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:  x509.KeyUsageCertSign,
		NotBefore: now.Add(-early), NotAfter: now.Add(authorityLife),
		PermittedDNSDomains: []string{domain}, PermittedDNSDomainsCritical: true,
	})
}

// authority signs certificates; one that is zero signs its own.
type authority struct {
	certificate *x509.Certificate
	key         crypto.PrivateKey
}

// issue writes a role's folder.
func (a authority) issue(folder, name string, now time.Time) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	if err := durable.WriteFile(filepath.Join(folder, authorityFile), chain); err != nil {
		return err
	}
	return a.sign(filepath.Join(folder, certificateFile), filepath.Join(folder, keyFile), &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   now.Add(-early), NotAfter: now.Add(certificateLife),
	})
}

// sign makes a key, and a certificate for it, and writes both.
func (a *authority) sign(certificate, key string, c *x509.Certificate) error {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if a.certificate == nil {
		a.certificate, a.key = c, own
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.certificate, own.Public(), a.key)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if a.certificate == c {
		a.certificate, err = x509.ParseCertificate(der)
	}
	secret, failed := x509.MarshalPKCS8PrivateKey(own)
	return errors.Join(err, failed,
		durable.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		durable.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}
