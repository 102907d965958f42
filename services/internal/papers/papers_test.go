package papers_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/duban-project/duban/services/internal/papers"
)

const home = "province/city"

// issue makes papers for the roles in a new folder.
func issue(t *testing.T, installation string, roles ...string) string {
	t.Helper()
	folder := t.TempDir()
	ok(t, papers.Issue(folder, installation, time.Now(), roles...))
	return folder
}

func ok(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, folder, installation, role string) *papers.Paper {
	t.Helper()
	p, err := papers.Open(filepath.Join(folder, role), installation, role, slog.New(slog.DiscardHandler))
	ok(t, err)
	return p
}

// host answers the health check, and notes who asked.
type host struct {
	healthv1.UnimplementedHealthServer
	asked chan string
}

func (h host) Check(ctx context.Context, _ *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	h.asked <- papers.Caller(ctx, home)
	return &healthv1.HealthCheckResponse{}, nil
}

// serve listens with the papers.
func serve(t *testing.T, own ...*papers.Paper) (address string, asked <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	server, h := grpc.NewServer(grpc.Creds(papers.Server(own...))), host{asked: make(chan string, 16)}
	healthv1.RegisterHealthServer(server, h)
	go func() { _ = server.Serve(l) }() // ends by Stop
	t.Cleanup(server.Stop)
	return l.Addr().String(), h.asked
}

// ask calls over a new connection.
func ask(t *testing.T, address string, c credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(c))
	ok(t, err)
	defer func() { _ = conn.Close() }()
	_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	return err
}

func TestBothSidesProveTheirRole(t *testing.T) {
	folder := issue(t, home, "campaign", "complaint", "gateway")
	address, asked := serve(t, open(t, folder, home, "campaign"), open(t, folder, home, "complaint"))
	for _, role := range []string{"campaign", "complaint"} {
		if err := ask(t, address, open(t, folder, home, "gateway").Client(role)); err != nil {
			t.Errorf("asking for %s: %v", role, err)
		} else if who := <-asked; who != "gateway" {
			t.Errorf("%s is asked by %q", role, who)
		}
	}
	if err := ask(t, address, open(t, folder, home, "gateway").Client("rectification")); status.Code(err) != codes.Unavailable {
		t.Errorf("a role that is not there answers: %v", err)
	}
}

func TestStrangersAreNotLetIn(t *testing.T) {
	folder := issue(t, home, "campaign", "gateway")
	address, asked := serve(t, open(t, folder, home, "campaign"))
	known, err := credentials.NewClientTLSFromFile(filepath.Join(folder, "campaign", "ca.crt"), papers.Name(home, "campaign"))
	ok(t, err)
	for who, c := range map[string]credentials.TransportCredentials{
		"without TLS":             insecure.NewCredentials(),
		"without a certificate":   known,
		"of another authority":    open(t, issue(t, home, "gateway"), home, "gateway").Client("campaign"),
		"of another installation": open(t, issue(t, "province/other", "gateway"), "province/other", "gateway").Client("campaign"),
		"whose time is over":      open(t, reissue(t, folder, time.Now().AddDate(-2, 0, 0)), home, "gateway").Client("campaign"),
		"whose time will come":    open(t, reissue(t, folder, time.Now().AddDate(1, 0, 0)), home, "gateway").Client("campaign"),
	} {
		if err := ask(t, address, c); status.Code(err) != codes.Unavailable {
			t.Errorf("one %s got %v", who, err)
		}
	}
	select {
	case who := <-asked:
		t.Errorf("a call of %q arrived", who)
	default:
	}
}

// reissue makes papers of another time by the authority in folder.
func reissue(t *testing.T, folder string, now time.Time) string {
	t.Helper()
	other := t.TempDir()
	for _, file := range []string{"ca.crt", "ca.key"} {
		b, err := os.ReadFile(filepath.Join(folder, file))
		ok(t, err, os.WriteFile(filepath.Join(other, file), b, 0o600))
	}
	ok(t, papers.Issue(other, home, now, "gateway"))
	return other
}

// TestPapersAreExchangedWhileBothSidesRun: new ones count from the next connection
// on, also those of another authority; what is half replaced does not.
func TestPapersAreExchangedWhileBothSidesRun(t *testing.T) {
	folder := issue(t, home, "campaign", "gateway")
	client := open(t, folder, home, "gateway").Client("campaign")
	address, _ := serve(t, open(t, folder, home, "campaign"))
	try := func(when string, want bool) {
		t.Helper()
		if err := ask(t, address, client); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	try("at first", true)
	key := filepath.Join(folder, "campaign", "tls.key")
	old, err := os.ReadFile(key)
	ok(t, err, os.WriteFile(key, []byte("half"), 0o600))
	try("while a key is being replaced", true)
	ok(t, os.WriteFile(key, old, 0o600), os.Remove(filepath.Join(folder, "ca.crt")), papers.Issue(folder, home, time.Now(), "campaign"))
	try("with another authority on one side", false)
	ok(t, papers.Issue(folder, home, time.Now(), "gateway"))
	try("with it on both sides", true)
}

func TestKeysAreTheirOwnersAlone(t *testing.T) {
	folder := issue(t, home, "campaign")
	for _, file := range []string{"ca.key", "campaign/tls.key"} {
		info, err := os.Stat(filepath.Join(folder, file))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", file, info, err)
		}
	}
}

func TestPapersOfAnotherRoleAreRefused(t *testing.T) {
	folder := issue(t, home, "campaign")
	for _, c := range []struct{ installation, role string }{{home, "complaint"}, {"province/other", "campaign"}} {
		if _, err := papers.Open(filepath.Join(folder, "campaign"), c.installation, c.role, slog.Default()); err == nil {
			t.Errorf("the papers of campaign pass for those of %s of %s", c.role, c.installation)
		}
	}
	if _, err := papers.Open(filepath.Join(folder, "nobody"), home, "nobody", slog.Default()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no papers = %v", err)
	}
}
