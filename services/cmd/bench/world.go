package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// world is a running suite with a city, schools, and a clerk who may enter
// problems for all of them.
type world struct {
	conn grpc.ClientConnInterface
	http string
	grpc string // its address
	settlement
	stop func() error
}

// settlement is who is there, whenever the world runs.
type settlement struct {
	root    string // units/…
	key     string // of a leader of the root
	ledgers []string
	heads   []answerable // of those who have the ledgers
}

// answerable is who answers for a school: its head, by name and key.
type answerable struct{ name, key string }

// A city has schools, beneath it or in districts.
type city struct{ districts, schools int }

// newWorld starts one in a folder of its own, which goes when it stops. wrap, if
// set, stands between a role and its engine.
func newWorld(ctx context.Context, of city, wrap func(string, store.Engine) store.Engine) (*world, error) {
	folder, err := os.MkdirTemp("", "duban-bench-")
	if err != nil {
		return nil, err
	}
	w, bootstrap, err := start(ctx, configured(folder), suite.Options{Now: time.Now, Engine: wrap})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	halt := w.stop
	w.stop = func() error { return errors.Join(halt(), os.RemoveAll(folder)) }
	if err := w.settle(ctx, bootstrap, of); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

// configured is how the measured suite is configured: as it is by default, but
// that nobody calls too often.
func configured(folder string) suite.Config {
	c := suite.Default()
	c.Data, c.HTTP, c.GRPC, c.Metrics, c.Telemetry.LogLevel = folder, "127.0.0.1:0", "127.0.0.1:0", "", "error"
	c.Limits.Rate, c.Limits.Burst = 1e9, 1e9
	return c
}

// start runs a suite on what its folder has.
func start(ctx context.Context, c suite.Config, o suite.Options) (w *world, bootstrap string, err error) {
	o.Out = os.Stderr
	s, err := suite.Open(ctx, c, o)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan suite.Addresses, 1), make(chan error, 1)
	w = &world{conn: s.Client(), stop: func() error {
		cancel()
		return errors.Join(<-ended, s.Close())
	}}
	go func() { ended <- s.Run(ctx, func(a suite.Addresses) { ready <- a }) }()
	select {
	case at := <-ready:
		w.http, w.grpc = "http://"+at.HTTP.String(), at.GRPC.String()
		return w, s.Bootstrap, nil
	case err := <-ended:
		cancel()
		return nil, "", errors.Join(err, s.Close())
	}
}

// settle enters the units, the person and a ledger for each school.
func (w *world) settle(ctx context.Context, bootstrap string, of city) error {
	system, security, err := w.begin(ctx, bootstrap, "city", organizationv1.Unit_KIND_CITY)
	if err != nil {
		return err
	}
	for i := range of.districts {
		if err := w.unit(system, district(i), w.root, organizationv1.Unit_KIND_DISTRICT); err != nil {
			return err
		}
	}
	w.ledgers, w.heads = make([]string, of.schools), make([]answerable, of.schools)
	_, err = spread(of.schools, settlers, func(_ int, i int64) error {
		return w.school(ctx, system, security, int(i-1), of)
	})
	return err
}

// begin enters the root and its leader, and returns who administers.
func (w *world) begin(ctx context.Context, bootstrap, root string, kind organizationv1.Unit_Kind) (system, security context.Context, err error) {
	org := organizationv1.NewOrganizationServiceClient(w.conn)
	first, err := org.Initialize(as(ctx, bootstrap), &organizationv1.InitializeRequest{
		Root: &organizationv1.Unit{DisplayName: "演示教育局", Kind: kind}, RootId: root,
		SystemAdmin: "甲", SecurityAdmin: "乙", Auditor: "丙",
	})
	if err != nil {
		return nil, nil, err
	}
	w.root = "units/" + root
	system, security = as(ctx, first.GetSystemAdmin().GetSecret()), as(ctx, first.GetSecurityAdmin().GetSecret())
	_, w.key, err = person(system, security, org, w.root, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_SUPERVISOR)
	return system, security, err
}

// settlers enter schools at once: each waits for the disk several times.
const settlers = 16

func district(i int) string { return fmt.Sprintf("d%d", i) }

func (w *world) unit(system context.Context, id, parent string, kind organizationv1.Unit_Kind) error {
	_, err := organizationv1.NewOrganizationServiceClient(w.conn).CreateUnit(system, &organizationv1.CreateUnitRequest{
		UnitId: id, Unit: &organizationv1.Unit{DisplayName: "演示单位", Kind: kind, Parent: parent},
	})
	return err
}

// person enters somebody with the roles and returns their name and a key.
func person(system, security context.Context, org organizationv1.OrganizationServiceClient, unit string, roles ...accessv1.Role) (name, key string, err error) {
	m, err := org.CreateMember(system, &organizationv1.CreateMemberRequest{Parent: unit, Member: &organizationv1.Member{DisplayName: "演示人员"}})
	if err != nil {
		return "", "", err
	}
	for _, role := range roles {
		grant := &organizationv1.RoleGrant{Principal: m.GetName(), Role: role, Unit: unit}
		if _, err := org.CreateRoleGrant(security, &organizationv1.CreateRoleGrantRequest{RoleGrant: grant}); err != nil {
			return "", "", err
		}
	}
	k, err := org.CreateApiKey(security, &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: m.GetName()}})
	return m.GetName(), k.GetSecret(), err
}

// school enters a school with its head, who makes its ledger.
func (w *world) school(ctx, system, security context.Context, i int, of city) error {
	id, parent := fmt.Sprintf("s%d", i), w.root
	if of.districts > 0 {
		parent = "units/" + district(i%of.districts)
	}
	if err := w.unit(system, id, parent, organizationv1.Unit_KIND_SCHOOL); err != nil {
		return err
	}
	name, key, err := person(system, security, organizationv1.NewOrganizationServiceClient(w.conn), "units/"+id, accessv1.Role_ROLE_HEAD)
	if err != nil {
		return err
	}
	rect := rectificationv1.NewRectificationServiceClient(w.conn)
	l, err := rect.CreateLedger(as(ctx, key), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: "units/" + id}})
	if err != nil {
		return fmt.Errorf("a ledger of units/%s: %w", id, err)
	}
	w.ledgers[i], w.heads[i] = l.GetName(), answerable{name, key}
	return nil
}

// as returns a context on which calls carry the key.
func as(ctx context.Context, key string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
}

// found is a problem as a clerk enters it.
func found(n int64) *rectificationv1.Problem {
	return &rectificationv1.Problem{
		Category: "WEAK", Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SUPERIOR,
		Description: fmt.Sprintf("第 %d 项:值班记录与实际到岗情况不符,交接本存在事后补写。", n),
	}
}

// creates enters n problems over conn from callers, and returns how many a
// second were durable.
func (w *world) creates(ctx context.Context, conn grpc.ClientConnInterface, from, n, callers int) (float64, error) {
	rect := rectificationv1.NewRectificationServiceClient(conn)
	ctx = as(ctx, w.key)
	return spread(n, callers, func(caller int, i int64) error {
		number := int64(from) + i
		_, err := rect.CreateProblem(ctx, &rectificationv1.CreateProblemRequest{
			Parent: w.ledgers[caller%len(w.ledgers)], RequestId: fmt.Sprintf("bench-%d", number), Problem: found(number),
		})
		return err
	})
}

// spread does work n times from so many callers, and returns how often a second.
func spread(n, callers int, work func(caller int, i int64) error) (float64, error) {
	var (
		next   atomic.Int64
		wg     sync.WaitGroup
		failed = make(chan error, callers)
	)
	start := time.Now()
	for caller := range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := work(caller, i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(n) / took.Seconds(), nil
	}
}
