package papers

import (
	"context"
	"crypto/tls"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// h2 is what gRPC speaks; a configuration chosen in the handshake MUST name it.
var h2 = []string{"h2"}

// Client returns what the role shows to another role, and expects of it.
func (p *Paper) Client(role string) credentials.TransportCredentials {
	return calling(func() *tls.Config {
		c := p.calling()
		c.ServerName = Name(p.installation, role)
		return c
	})
}

// Client returns what whoever has the files shows to the host that it dials.
func (p *Files) Client() credentials.TransportCredentials { return calling(p.calling) }

func calling(now func() *tls.Config) credentials.TransportCredentials {
	return client{credentials.NewTLS(now()), now}
}

func (p *Files) calling() *tls.Config {
	m := p.current()
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: h2, RootCAs: m.authorities, Certificates: []tls.Certificate{m.certificate}}
}

// client takes the papers of the moment for each connection.
type client struct {
	credentials.TransportCredentials
	now func() *tls.Config
}

// ClientHandshake implements credentials.TransportCredentials.
func (c client) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(c.now()).ClientHandshake(ctx, authority, conn)
}

// Clone implements credentials.TransportCredentials.
func (c client) Clone() credentials.TransportCredentials { return c }

// Server returns what a process shows that runs the roles of the papers, of
// which there MUST be one: to each caller the paper of the role that it asks for.
// Callers without a certificate of the installation are not let in.
func Server(papers ...*Paper) credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: h2,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return asked(papers, hello.ServerName).answering(), nil
		},
	})
}

// Server returns what whoever has the files shows to callers, who MUST show a certificate
// that is believed.
func (p *Files) Server() credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: h2,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return p.answering(), nil },
	})
}

func asked(papers []*Paper, name string) *Paper {
	for _, p := range papers {
		if Name(p.installation, p.role) == name {
			return p
		}
	}
	return papers[0]
}

func (p *Paper) answering() *tls.Config {
	c := p.Files.answering()
	c.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := roleOf(s.PeerCertificates[0], p.installation)
		return err
	}
	return c
}

func (p *Files) answering() *tls.Config {
	m := p.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: h2,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: m.authorities,
		Certificates: []tls.Certificate{m.certificate},
		// A session that is resumed would outlive the papers that it began with.
		SessionTicketsDisabled: true,
	}
}

// Caller returns the role that the other side of the call's connection proved,
// or "" if the connection is none on which roles do.
func Caller(ctx context.Context, installation string) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return ""
	}
	role, _ := roleOf(info.State.PeerCertificates[0], installation) // the handshake refused what has none
	return role
}
