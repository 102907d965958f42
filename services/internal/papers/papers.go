// Package papers proves who a process is to the others of its installation
// (服务间身份): a certificate names one role, both sides of every connection show
// one, and files that change are read again without a restart. It makes them too,
// for a bureau that has no certification authority of its own.
//
// Which role may call what is for authz to say; whose key a call carries, for
// authn; who connects to whom, for reach.
package papers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The files in a role's folder, named as cert-manager names them.
const (
	authorityFile   = "ca.crt"  // whose certificates are believed
	certificateFile = "tls.crt" // of the role
	keyFile         = "tls.key"
)

// Name is the name in the certificate of an installation's role, such as
// "campaign.duban.local" for the installation local/duban.
func Name(installation, role string) string { return role + suffix(installation) }

// suffix turns the path of an installation into the end of a DNS name.
func suffix(installation string) string {
	parts := strings.Split(installation, "/")
	slices.Reverse(parts)
	return "." + strings.Join(parts, ".")
}

// roleOf returns the role that a certificate names. A certificate of more than
// one role, or of none, is nobody's.
func roleOf(c *x509.Certificate, installation string) (string, error) {
	var roles []string
	for _, name := range c.DNSNames {
		if role, ok := strings.CutSuffix(name, suffix(installation)); ok {
			roles = append(roles, role)
		}
	}
	if len(roles) != 1 || roles[0] == "" || strings.Contains(roles[0], ".") {
		return "", fmt.Errorf("a certificate of %v names no single role of %s", c.DNSNames, installation)
	}
	return roles[0], nil
}

// Paper is what one role shows, and whom it believes. It is safe for concurrent
// use.
type Paper struct {
	*Files
	installation, role string
}

// Files are a certificate and its key, and those whose certificates are believed, as three
// files have them at the moment. They are safe for concurrent use.
type Files struct {
	authority, certificate, key string
	whose                       string
	fits                        func(*x509.Certificate) error
	log                         *slog.Logger

	mu    sync.Mutex
	shown *material
	stamp stamp
}

// material is what the files held when they were read.
type material struct {
	certificate tls.Certificate
	authorities *x509.CertPool
}

// stamp tells whether files have changed.
type stamp [3]struct {
	size int64
	at   time.Time
}

// Open reads the papers of a role from its folder: ca.crt, tls.crt and tls.key.
func Open(folder, installation, role string, log *slog.Logger) (*Paper, error) {
	f := &Files{
		authority: filepath.Join(folder, authorityFile), certificate: filepath.Join(folder, certificateFile), key: filepath.Join(folder, keyFile),
		whose: role, log: log,
		fits: func(c *x509.Certificate) error {
			is, err := roleOf(c, installation)
			if err == nil && is != role {
				err = errors.New("the certificate is that of " + is)
			}
			return err
		},
	}
	return &Paper{f, installation, role}, f.open()
}

// OpenFiles reads files (PEM) that an authority of the operator's has made; whose they are
// stands in the log.
func OpenFiles(authority, certificate, key, whose string, log *slog.Logger) (*Files, error) {
	f := &Files{
		authority: authority, certificate: certificate, key: key, whose: whose, log: log,
		fits: func(*x509.Certificate) error { return nil },
	}
	return f, f.open()
}

func (p *Files) open() error {
	now, err := p.look()
	if err == nil {
		p.shown, err = p.read()
	}
	if err != nil {
		return fmt.Errorf("the papers of %s: %w", p.whose, err)
	}
	p.stamp = now
	return nil
}

// current is what the files hold now or, while they are being replaced, held
// before.
func (p *Files) current() *material {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, err := p.look()
	if err == nil && now == p.stamp {
		return p.shown
	}
	var m *material
	if err == nil {
		m, err = p.read()
	}
	if err != nil {
		p.log.Warn("new papers cannot be used; the old ones stay", "role", p.whose, "error", err)
		return p.shown
	}
	p.log.Info("new papers", "role", p.whose)
	p.shown, p.stamp = m, now
	return m
}

func (p *Files) look() (s stamp, err error) {
	for i, file := range []string{p.authority, p.certificate, p.key} {
		info, err := os.Stat(file)
		if err != nil {
			return s, err
		}
		s[i].size, s[i].at = info.Size(), info.ModTime()
	}
	return s, nil
}

// read refuses papers that do not fit.
func (p *Files) read() (*material, error) {
	pem, err := os.ReadFile(p.authority)
	if err != nil {
		return nil, err
	}
	m := &material{authorities: x509.NewCertPool()}
	if !m.authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", p.authority)
	}
	if m.certificate, err = tls.LoadX509KeyPair(p.certificate, p.key); err != nil {
		return nil, err
	}
	return m, p.fits(m.certificate.Leaf)
}
