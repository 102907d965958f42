package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/federation/streams"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// beside is a suite where few calls run at once, with a door for installations below.
func beside(t *testing.T) (s *suitetest.Suite, doors map[string]*grpc.ClientConn) {
	t.Helper()
	files := certificates(t)
	s = suitetest.RunAs(t, t.TempDir(), func(c *suite.Config) {
		c.Limits.InFlight = 4
		c.Federation.Listen, c.Federation.ClientCA = "127.0.0.1:0", files("ca.pem")
		c.Federation.Certificate, c.Federation.Key = files("own.pem"), files("own.key")
	})
	own, err := tls.LoadX509KeyPair(files("own.pem"), files("own.key"))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(files("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	doors = map[string]*grpc.ClientConn{}
	for at, creds := range map[string]credentials.TransportCredentials{
		s.GRPC: insecure.NewCredentials(), s.Below: credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{own}, RootCAs: roots}),
	} {
		conn, err := grpc.NewClient(at, grpc.WithTransportCredentials(creds))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		doors[at] = conn
	}
	return s, doors
}

// TestStrangersTakeNobodysPlace: streams without a greeting are few for whoever opens them,
// and however many there are, clients' calls run and others greet.
func TestStrangersTakeNobodysPlace(t *testing.T) {
	s, doors := beside(t)
	s.Initialize()
	var open []federationv1.FederationService_ReplicateClient
	for range 20 {
		for _, conn := range doors {
			stream, err := federationv1.NewFederationServiceClient(conn).Replicate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, stream)
		}
	}
	refused := make(chan error)
	for _, stream := range open {
		go func() {
			_, err := stream.Recv()
			refused <- err
		}()
	}
	for range len(open) - 2*streams.Each {
		if err := <-refused; status.Code(err) != codes.ResourceExhausted {
			t.Errorf("one stream too many = %v", err)
		}
	}
	if _, err := s.Organization(s.Auditor).GetCaller(t.Context(), &organizationv1.GetCallerRequest{}); err != nil {
		t.Errorf("a client's call beside strangers: %v", err)
	}
	if len(refused) > 0 {
		t.Error("more were refused than there is room for")
	}
	go func() { // what is left of them ends with the test
		for range 2 * streams.Each {
			<-refused
		}
	}()
}

// TestTheDoorForThoseBelowIsForThemAlone: nothing else is served there, and no message
// larger than theirs is read.
func TestTheDoorForThoseBelowIsForThemAlone(t *testing.T) {
	s, doors := beside(t)
	below := doors[s.Below]
	_, err := organizationv1.NewOrganizationServiceClient(below).GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("another call = %v, want that it is not served there", err)
	}
	stream, err := federationv1.NewFederationServiceClient(below).Replicate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(hello(&federationv1.Hello{Installation: "installations/510100", Statement: strings.Repeat("x", 5<<20)}))
	if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of 5 MiB = %v, want that it is too large", err)
	}
}

// TestAFirstMessageIsSmall: at no address more is read of who is not believed yet than a
// greeting may have, though other methods there take files; nor where another process passes it on.
// Who sends more is told so.
func TestAFirstMessageIsSmall(t *testing.T) {
	s, doors := beside(t)
	front, err := grpc.NewClient(suitetest.SplitIn(t, t.TempDir()).GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = front.Close() })
	for at, conn := range map[string]*grpc.ClientConn{"the clients' door": doors[s.GRPC], "the door below": doors[s.Below], "the gateway": front} {
		for _, c := range []struct {
			size   int
			how    []grpc.CallOption
			want   codes.Code
			reason string
		}{
			{2<<20 - 100, nil, codes.Unauthenticated, "INSTALLATION_SIGNATURE_REFUSED"},
			{2<<20 + 1, nil, codes.ResourceExhausted, "STREAM_FIRST_TOO_LARGE"},
			{15 << 20, nil, codes.ResourceExhausted, "STREAM_FIRST_TOO_LARGE"},
			{15 << 20, []grpc.CallOption{grpc.UseCompressor(gzip.Name)}, codes.FailedPrecondition, "STREAM_COMPRESSION_UNSUPPORTED"},
		} {
			stream, err := federationv1.NewFederationServiceClient(conn).Replicate(t.Context(), c.how...)
			if err != nil {
				t.Fatal(err)
			}
			_ = stream.Send(hello(&federationv1.Hello{Installation: "installations/510100", Statement: strings.Repeat("x", c.size)}))
			err = nil
			for err == nil {
				_, err = stream.Recv()
			}
			if said := fault.As(serve.FromStatus(err)); status.Code(err) != c.want || said == nil || said.Reason != c.reason {
				t.Errorf("%s: a first message of %d bytes = %v (%v), want %v with %s", at, c.size, err, said, c.want, c.reason)
			}
		}
	}
}

// TestTheDoorShowsItsNewCertificate from the next connection on, without a restart; what
// cannot be used changes nothing.
func TestTheDoorShowsItsNewCertificate(t *testing.T) {
	files, other := certificates(t), certificates(t)
	s := suitetest.RunAs(t, t.TempDir(), func(c *suite.Config) {
		c.Federation.Listen, c.Federation.ClientCA = "127.0.0.1:0", files("ca.pem")
		c.Federation.Certificate, c.Federation.Key = files("own.pem"), files("own.key")
	})
	replace := func(name string, with func(string) string) {
		b, err := os.ReadFile(with(name))
		if err == nil {
			err = os.WriteFile(files(name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	shown := func() string {
		conn, err := tls.Dial("tcp", s.Below, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: conn.ConnectionState().PeerCertificates[0].Raw}))
	}
	old := shown()
	replace("own.pem", other)
	if shown() != old {
		t.Error("a certificate without its key is shown")
	}
	replace("own.key", other)
	if want, err := os.ReadFile(other("own.pem")); err != nil || shown() != string(want) {
		t.Errorf("the old certificate is shown, %v", err)
	}
}

// mute is a stream that says nothing.
type mute struct {
	grpc.BidiStreamingServer[federationv1.ReplicateRequest, federationv1.ReplicateResponse]
	ctx context.Context
}

func (m mute) Context() context.Context { return m.ctx }

func (m mute) Recv() (*federationv1.ReplicateRequest, error) {
	<-m.ctx.Done()
	return nil, m.ctx.Err()
}

// TestWhoDoesNotGreetIsSentAway soon, and not after three heartbeats.
func TestWhoDoesNotGreetIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		err := server.New(&change.Book{}, server.Parts{}).Replicate(mute{ctx: ctx})
		if took := time.Since(began); err == nil || took != 10*time.Second {
			t.Errorf("it ended after %v: %v", took, err)
		}
		cancel()
	})
}
