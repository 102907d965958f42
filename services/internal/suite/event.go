package suite

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event/secret"
	eventserver "github.com/duban-project/duban/services/event/server"
	"github.com/duban-project/duban/services/event/target"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/telemetry"
)

// Webhooks says which addresses may be registered beside public ones.
type Webhooks struct {
	// AllowedNetworks are the private networks to which events may be sent.
	AllowedNetworks []netip.Prefix `yaml:"allowed_networks"`
	// AllowLoopback lets this machine be sent to, by http too: for tests and
	// sandboxes only.
	AllowLoopback bool `yaml:"allow_loopback"`
}

// check says what is wrong with the networks.
func (w Webhooks) check() error {
	for _, n := range w.AllowedNetworks {
		if !n.IsValid() || n.Bits() == 0 {
			return fmt.Errorf("webhooks.allowed_networks: %s is no private network", n)
		}
		if n.Addr().Is4In6() {
			return fmt.Errorf("webhooks.allowed_networks: write %s as IPv4, such as 10.8.0.0/16", n)
		}
	}
	return nil
}

func event(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	vault, err := secret.NewVault(s.secrets["event"].Derive("webhook secrets"))
	if err != nil {
		return nil, err
	}
	policy := &target.Policy{
		Networks: s.config.Webhooks.AllowedNetworks, Loopback: s.config.Webhooks.AllowLoopback,
		Own: s.config.own, Resolve: resolve,
	}
	counted, err := s.telemetry.Deliveries()
	if err != nil {
		return nil, err
	}
	self := s.Conn("event")
	service, err := eventserver.New(book, eventserver.Parts{
		Tree: s.directory, Feeds: feedv1.NewFeedServiceClient(self), Services: s.followed("event"),
		Self: eventv1.NewEventServiceClient(self), Targets: policy, Sender: policy.Sender(), Vault: vault,
		Jitter: rand.Float64, Counted: counted, Stopping: s.Process.Stopping(),
	})
	if err != nil {
		return nil, err
	}
	return service, s.telemetry.Events(func() telemetry.Lag {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		lag, _ := service.Lag(ctx) // what cannot be read shows as 0, as counted has it
		return telemetry.Lag(lag)
	})
}

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// asked bounds how long a name of another process is looked up.
const asked = 2 * time.Second

// own says whether the installation listens at an address, or what runs beside it on
// this machine: this process, the other roles, the sandbox and who has one.
func (c Config) own(at netip.AddrPort) bool {
	return slices.ContainsFunc(c.listening(), func(address string) bool { return listensAt(address, at) })
}

// listening are the addresses, host:port, at which the configuration lets somebody
// listen.
func (c Config) listening() []string {
	all := slices.Concat([]string{c.HTTP, c.GRPC, c.Metrics, c.Peers.Listen, c.Federation.Listen, c.Sandbox.HTTP, c.Sandbox.GRPC}, c.beside)
	return slices.AppendSeq(all, maps.Values(c.Peers.Addresses))
}

// listensAt says whether who listens at the address, host:port, is reached there. If
// that cannot be told, it is.
func listensAt(address string, at netip.AddrPort) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != strconv.Itoa(int(at.Port())) {
		return false
	}
	if at.Addr().IsLoopback() || here(at.Addr()) {
		return true // what a process elsewhere listens at may be a port of this machine too
	}
	if a, err := netip.ParseAddr(host); err == nil || host == "" {
		return a.Unmap() == at.Addr()
	}
	ctx, cancel := context.WithTimeout(context.Background(), asked)
	defer cancel()
	found, err := resolve(ctx, host)
	return err != nil || slices.ContainsFunc(found, func(a netip.Addr) bool { return a.Unmap() == at.Addr() })
}

// here says whether the address is one of this machine; if that cannot be told,
// it is taken for one.
func here(a netip.Addr) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addresses, func(of net.Addr) bool {
		n, ok := of.(*net.IPNet)
		if !ok {
			return false
		}
		own, ok := netip.AddrFromSlice(n.IP)
		return ok && own.Unmap() == a
	})
}
