package suite

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/aggregation/regain"
	eventserver "github.com/duban-project/duban/services/event/server"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/federation/carry"
	"github.com/duban-project/duban/services/federation/own"
	"github.com/duban-project/duban/services/federation/push"
	"github.com/duban-project/duban/services/federation/recovery"
	federationserver "github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/internal/address"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/papers"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/telemetry"
)

// Federation is the part of the configuration that is about the installations
// above and below. An installation alone needs none of it.
type Federation struct {
	// Listen is where installations below push to, by TLS; empty: at the address
	// of gRPC alone, and so without TLS.
	Listen string `yaml:"listen"`
	// Certificate and Key are files (PEM) by which this installation shows itself
	// to those below; ClientCA has who signs their certificates.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	ClientCA    string `yaml:"client_ca"`
	// Silence is how long a log below may not be heard of before it is called
	// silent (失联).
	Silence time.Duration `yaml:"silence"`
	// Parent is the installation above.
	Parent Parent `yaml:"parent"`
}

// Parent is the installation above, to which this one pushes its logs.
type Parent struct {
	// Address is where it listens, host:port; empty: there is none, or no network
	// reaches it and bundles are carried.
	Address string `yaml:"address"`
	// Cosigner is the key that verifies what it cosigns, in note format; its
	// `duban identity` prints it.
	Cosigner string `yaml:"cosigner"`
	// Recipient is for whom bundles are sealed, age1…; its `duban identity` prints
	// it too. Who carries none needs none.
	Recipient string `yaml:"recipient"`
	// CA has who signs its certificate; Certificate and PrivateKey are files by
	// which this installation shows itself (PEM).
	CA          string `yaml:"ca"`
	Certificate string `yaml:"certificate"`
	PrivateKey  string `yaml:"private_key"`
	// Plaintext dials without TLS, which only a loopback address allows.
	Plaintext bool `yaml:"plaintext"`
}

// mostSilence is far beyond what a medium takes that is carried.
const mostSilence = 366 * 24 * time.Hour

func (f Federation) check() error {
	var mistakes []error
	check := func(ok bool, text string) {
		if !ok {
			mistakes = append(mistakes, errors.New("federation."+text))
		}
	}
	check(f.Silence >= federation.Slack && f.Silence <= mostSilence, fmt.Sprintf("silence: must be from %v, in which who is there is heard of, to %v", federation.Slack, mostSilence))
	check(f.Listen == "" || f.Certificate != "" && f.Key != "" && f.ClientCA != "", "listen: needs certificate, key and client_ca")
	check(address.Listens(f.Listen), "listen: must be host:port")
	p := f.Parent
	check(p.Recipient == "" || bundle.CheckRecipient(p.Recipient) == nil, "parent.recipient: must be age1…, as the parent's `duban identity` prints it")
	if p.Address == "" { // bundles go there, if anything does
		check(p.Cosigner == "" || federation.CheckCosigner(p.Cosigner) == nil, "parent.cosigner: must be a key in note format, as the parent's `duban identity` prints it")
		return errors.Join(mistakes...)
	}
	host, _, _ := net.SplitHostPort(p.Address)
	check(address.Valid(p.Address), "parent.address: must be host:port")
	check(federation.CheckCosigner(p.Cosigner) == nil, "parent.cosigner: must be a key in note format, as the parent's `duban identity` prints it")
	check(!p.Plaintext || net.ParseIP(host).IsLoopback(), "parent.plaintext: only to a loopback address")
	check(p.Plaintext || p.CA != "" && p.Certificate != "" && p.PrivateKey != "", "parent: needs ca, certificate and private_key")
	return errors.Join(mistakes...)
}

// above says whether there is an installation above, by a line or by bundles.
func (f Federation) above() bool { return f.Parent.Address != "" || f.Parent.Cosigner != "" }

// Cosigner signs what is durable here, under the installation's name, with what
// federation's role knows.
func (c Config) Cosigner(s seed.Role) federation.Cosigner {
	return federation.NewCosigner(c.Installation+"/mirror", ed25519.NewKeyFromSeed(s.Derive("cosigner")))
}

// Unsealer opens the bundles and receipts that are sealed for the installation, with
// what federation's role knows.
func Unsealer(s seed.Role) bundle.Identity {
	return bundle.NewIdentity([32]byte(s.Derive("bundles")))
}

// federatedRole is what serves FederationService and pushes upward.
type federatedRole struct {
	*federationserver.Service
	work func(context.Context) error
}

// Work implements serve.Worker.
func (f federatedRole) Work(ctx context.Context) error { return f.Watched(ctx, f.work) }

func federated(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	urges := aggregationv1.NewUrgeServiceClient(s.network.To("federation", "aggregation"))
	logs := own.Logs{Store: book.Store, Feeds: feedv1.NewFeedServiceClient(s.Conn("federation")), Roles: s.logs(), Urges: urges}
	service := federationserver.New(book, federationserver.Parts{
		Tree: s.directory, Cosigner: s.config.Cosigner(s.secrets["federation"]), Silence: s.config.Federation.Silence,
		Own: logs, Urges: urges, Stopping: s.Process.Stopping(), Simulated: s.Clock.Simulated(),
	})
	s.mirrors = service.Mirror
	if err := s.watch(service, logs, book.Clock); err != nil {
		return nil, err
	}
	pushing := push.Config{
		Installation: s.config.Name(), Cosigner: s.config.Federation.Parent.Cosigner,
		Feeds: logs.Feeds, Names: s.pushed(service), Relays: service.Relays, Sign: book.Log.Sign, Now: book.Clock,
		Boot: strings.ToLower(rand.Text()), Keep: logs, Simulated: s.Clock.Simulated(),
		Recipient: Unsealer(s.secrets["federation"]).Recipient(),
	}
	s.bundles = carry.Desk{Push: pushing, Importer: service}.Handler()
	if s.config.Federation.Parent.Address == "" {
		return federatedRole{service, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}, nil
	}
	conn, err := s.config.Federation.Parent.dial(s.Log())
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, conn.Close)
	pushing.Up = federationv1.NewFederationServiceClient(conn)
	return federatedRole{service, func(ctx context.Context) error { return push.Run(ctx, pushing) }}, nil
}

// watch shows how the logs of installations below stand, and how far those of this one
// are known above. What cannot be read shows as 0, as counted has it.
func (s *Suite) watch(service *federationserver.Service, logs own.Logs, now func() time.Time) error {
	for _, role := range s.pushes {
		if err := s.telemetry.Push(role, func() (unsent telemetry.Unsent) {
			if s.config.Federation.Parent.Address == "" { // nobody is, or bundles take as long as they take
				return unsent
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			entries, since, err := logs.Unsent(ctx, role)
			if err != nil || entries == 0 {
				return unsent
			}
			return telemetry.Unsent{Entries: entries, Oldest: max(0, now().Sub(since))}
		}); err != nil {
			return err
		}
	}
	if err := s.telemetry.Clones(service.Clones); err != nil {
		return err
	}
	if err := s.telemetry.Greetings(func() map[string]int64 { return refused(service.Refused()) }, service.Unsigned); err != nil {
		return err
	}
	return s.telemetry.Mirrors(func() (all []telemetry.Mirror) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		watched, err := service.Watch(ctx)
		if err != nil {
			return nil
		}
		for _, w := range watched {
			all = append(all, telemetry.Mirror(w))
		}
		return all
	})
}

// refusable are the codes with which a greeting is refused that claims to be of somebody enrolled.
var refusable = []federationv1.Code{federationv1.Code_CODE_UNKNOWN_LOG, federationv1.Code_CODE_BAD_SIGNATURE, federationv1.Code_CODE_REVOKED}

// refused names the codes as metrics have them; of each that may come there is a number, so
// that its first is a change.
func refused(told map[federationv1.Code]int64) map[string]int64 {
	all := map[string]int64{}
	for _, code := range refusable {
		all[strings.ToLower(strings.TrimPrefix(code.String(), "CODE_"))] = told[code]
	}
	return all
}

// logs reach the roles that keep the logs which go upward, here or elsewhere.
func (s *Suite) logs() map[string]federationv1.LogServiceClient {
	roles := map[string]federationv1.LogServiceClient{}
	for _, role := range s.pushes {
		roles[role] = federationv1.NewLogServiceClient(s.network.To("federation", role))
	}
	return roles
}

// recovery answers federation for the logs of the roles that run here.
func (s *Suite) recovery() *recovery.Service {
	logs := map[string]recovery.Log{}
	for role := range s.feeds {
		logs[role] = s.recoverable(role)
	}
	return &recovery.Service{Logs: logs, Restored: s.keeper.Restored, Out: s.Log()}
}

// recoverable is a role's log, which may get its tail back.
func (s *Suite) recoverable(role string) recovery.Log {
	again := map[string]recovery.Again{"aggregation": regain.Again{}, "event": eventserver.Again{}}
	return recovery.Log{Log: s.feeds[role].Log, Engine: s.feeds[role].Engine, Schema: Schema(role), Again: again[role], Lacks: s.keeper.Lacks(role)}
}

// pushed names the feeds that go upward: the installation's own, then those it
// mirrors.
func (s *Suite) pushed(service *federationserver.Service) func(context.Context) ([]federation.Upward, error) {
	return func(ctx context.Context) ([]federation.Upward, error) {
		mirrored, err := service.Names(ctx)
		return append(federation.OwnLogs(s.pushes...), mirrored...), err
	}
}

// dial returns the connection to the installation above; it is made when it is
// used, and again when it breaks.
func (p Parent) dial(log *slog.Logger) (*grpc.ClientConn, error) {
	creds, err := p.credentials(log)
	if err != nil {
		return nil, fmt.Errorf("%w: federation.parent: %w", config.ErrWrong, err)
	}
	return grpc.NewClient(p.Address, grpc.WithTransportCredentials(creds),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 5 * time.Minute, Timeout: 20 * time.Second}))
}

func (p Parent) credentials(log *slog.Logger) (credentials.TransportCredentials, error) {
	if p.Plaintext {
		return insecure.NewCredentials(), nil
	}
	files, err := papers.OpenFiles(p.CA, p.Certificate, p.PrivateKey, "federation.parent", log)
	if err != nil {
		return nil, err
	}
	return files.Client(), nil
}

// below listens for installations below, who must show a certificate; nowhere if
// there is no address for them, or their role is in another process.
func (s *Suite) below() (door serve.Door, err error) {
	f := s.config.Federation
	if f.Listen == "" || !s.here("federation") {
		return door, nil
	}
	files, err := papers.OpenFiles(f.ClientCA, f.Certificate, f.Key, "federation.listen", s.Log())
	if err != nil {
		return door, fmt.Errorf("%w: %w", config.ErrWrong, err)
	}
	door.Only = federationv1.FederationService_Replicate_FullMethodName
	door.Credentials = files.Server()
	door.Listener, err = net.Listen("tcp", f.Listen)
	return door, err
}
