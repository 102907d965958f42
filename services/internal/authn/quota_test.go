package authn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// till is an organization that counts the calls that it is told of, of keys that all
// share one quota of three a day.
type till struct {
	Keys
	now   time.Time
	ended map[string]bool
	told  int
	down  error
}

func newTill() *till {
	d := &till{now: time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC), ended: map[string]bool{}}
	d.Now = func() time.Time { return d.now }
	d.Introspect = func(_ context.Context, req *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
		if d.down != nil || d.ended[req.GetKeyId()] {
			return &organizationv1.IntrospectResponse{}, d.down
		}
		d.told += int(req.GetCalls())
		k := &organizationv1.ApiKey{
			Name: "apiKeys/" + req.GetKeyId(), Principal: "machines/m", Quota: &organizationv1.Quota{PerDay: 3},
			AllowedNetworks: []string{"192.0.2.0/24"},
		}
		if req.GetKeyId() != "first" {
			k.FirstKey = "apiKeys/first"
		}
		return &organizationv1.IntrospectResponse{ApiKey: k, CallsToday: uint64(d.told)}, nil
	}
	return d
}

func (d *till) who(id, from string) (Principal, error) {
	ctx := WithAddress(context.Background(), netip.MustParseAddr(from))
	return d.Authenticate(metadata.NewIncomingContext(ctx, metadata.Pairs("authorization", "Bearer "+Real.Join(id, "secret"))))
}

// call makes a call that nothing else refuses.
func (d *till) call(id string) string {
	p, err := d.who(id, "192.0.2.1")
	if err != nil {
		return err.Error()
	}
	left, ok := p.Quota.Spend()
	return fmt.Sprint(left, ok)
}

func (d *till) expect(t *testing.T, id string, want ...string) {
	t.Helper()
	for _, want := range want {
		if got := d.call(id); got != want {
			t.Errorf("with %s left: %s, want %s", id, got, want)
		}
	}
}

// A key's scopes are held against a client's calls: what a service asks for its caller
// was led to by one of them.
func TestScopesAreForClients(t *testing.T) {
	k := Keys{Now: time.Now, Introspect: func(context.Context, *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
		return &organizationv1.IntrospectResponse{ApiKey: &organizationv1.ApiKey{Name: "apiKeys/k", Principal: "machines/m", Scopes: []string{"complaint:read"}}}, nil
	}}
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+Real.Join("k", "secret")))
	for caller, want := range map[string]int{"": 1, "rectification": 0} {
		by := ctx
		if caller != "" {
			by = WithCaller(ctx, caller)
		}
		if p, err := k.Authenticate(by); err != nil || len(p.Scopes) != want {
			t.Errorf("a call by %q: %v, %v", caller, p.Scopes, err)
		}
	}
}

// What a call does not spend it leaves, and what the day refuses spends nothing.
func TestOnlyWhatIsSpentCounts(t *testing.T) {
	d := newTill()
	for range 9 {
		if p, err := d.who("first", "192.0.2.1"); err != nil || p.Quota.Left != 3 {
			t.Fatalf("a call that is refused: %v, %v", p.Quota.Left, err)
		}
	}
	d.expect(t, "first", "2 true", "1 true", "0 true", "0 false", "0 false")
	d.now = d.now.Add(Lifetime)
	if d.expect(t, "first", "0 false"); d.told != 3 {
		t.Errorf("organization was told of %d calls, want 3", d.told)
	}
}

// A key's successors have what it has left of the day, whether organization has been
// told of its calls or not, and although it has ended.
func TestASuccessorHasWhatIsLeft(t *testing.T) {
	d := newTill()
	d.expect(t, "first", "2 true")
	d.expect(t, "second", "1 true")
	d.expect(t, "first", "0 true")
	d.ended["first"] = true
	d.Heard("apiKeys/first")
	d.expect(t, "first", ErrUnauthenticated.Error())
	d.expect(t, "third", "0 false")
	d.expect(t, "second", "0 false")
	d.down = errors.New("down")
	d.now = d.now.Add(Lifetime)
	d.expect(t, "third", "down")
	d.down = nil
	if d.expect(t, "third", "0 false"); d.told != 3 {
		t.Errorf("organization was told of %d calls, want 3", d.told)
	}
}

// A key in the wrong network is known and refused.
func TestWhoCallsFromElsewhereIsKnown(t *testing.T) {
	d := newTill()
	p, err := d.who("first", "198.51.100.1")
	if !errors.Is(err, ErrNetwork) || p.Name != "machines/m" || p.Quota.Left != 3 {
		t.Errorf("from elsewhere: %v, %v", p, err)
	}
}
