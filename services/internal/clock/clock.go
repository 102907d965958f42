// Package clock is the installation's time, by which rules and figures go. It is
// real time, unless the installation was started as a simulation: then it stands
// where it was last set, its store is marked for ever, and every answer says so.
// Keys, TLS and the feed's own times never go by it.
package clock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/fault"
)

var (
	errBackwards    = fault.Of(clockv1.Reason_REASON_CLOCK_BACKWARDS)
	errNotSimulated = fault.Of(faultv1.Reason_REASON_CLOCK_NOT_SIMULATED)
)

// Mark is the file in the data folder that makes it a simulation and holds its
// time.
const Mark = "simulated-time"

// Clock tells the installation's time. It implements ClockService.
type Clock struct {
	clockv1.UnimplementedClockServiceServer

	real func() time.Time
	file string // empty unless simulated

	mu  sync.Mutex
	now time.Time
}

// Open returns the clock of the data in folder. A folder that is marked stays a
// simulation; one that holds a running installation does not become one. start
// is the first time of a new simulation, zero for none.
func Open(folder string, start time.Time, real func() time.Time) (*Clock, error) {
	c := &Clock{real: real, file: filepath.Join(folder, Mark)}
	text, err := os.ReadFile(c.file)
	switch {
	case err == nil:
		c.now, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text)))
		return c, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading the simulated time: %w", err)
	case start.IsZero():
		c.file = ""
		return c, nil
	}
	if stores, _ := filepath.Glob(filepath.Join(folder, "*.db")); len(stores) > 0 {
		return nil, errors.New("the data folder holds an installation on real time: it cannot become a simulation")
	}
	c.now = start
	return c, c.save(start)
}

// Simulated says whether the installation is a simulation.
func (c *Clock) Simulated() bool { return c.file != "" }

// Now is the installation's time.
func (c *Clock) Now() time.Time {
	if !c.Simulated() {
		return c.real()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves a simulation's time forward.
func (c *Clock) Set(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.may(now); err != nil {
		return err
	}
	if err := c.save(now); err != nil {
		return err
	}
	c.now = now
	return nil
}

// May says whether Set would refuse the time.
func (c *Clock) May(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.may(now)
}

func (c *Clock) may(now time.Time) error {
	switch {
	case !c.Simulated():
		return errNotSimulated
	case now.Before(c.now):
		return errBackwards.At("now", "早于当前时间", "is before the present time")
	default:
		return nil
	}
}

// save makes the time outlast the process.
func (c *Clock) save(now time.Time) error {
	return durable.WriteFile(c.file, []byte(now.UTC().Format(time.RFC3339Nano)+"\n"))
}

// Register adds ClockService to r.
func (c *Clock) Register(r grpc.ServiceRegistrar) { clockv1.RegisterClockServiceServer(r, c) }

// GetClock implements the RPC.
func (c *Clock) GetClock(context.Context, *clockv1.GetClockRequest) (*clockv1.Clock, error) {
	return &clockv1.Clock{Now: timestamppb.New(c.Now()), Simulated: c.Simulated()}, nil
}

// SetClock implements the RPC.
func (c *Clock) SetClock(ctx context.Context, req *clockv1.SetClockRequest) (*clockv1.Clock, error) {
	a := authz.From(ctx)
	if err := a.Check(a.Tree().Root()); err != nil {
		return nil, err
	}
	set := c.Set
	if req.GetValidateOnly() {
		set = c.May
	}
	if err := set(req.GetNow().AsTime()); err != nil {
		return nil, err
	}
	return &clockv1.Clock{Now: req.GetNow(), Simulated: true}, nil
}
