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

var (
	// ErrMark says that the file Mark has no time.
	ErrMark = errors.New("the mark of a simulation is damaged")
	// ErrReal says that data of real time were to become a simulation.
	ErrReal = errors.New("the data folder holds an installation on real time: it cannot become a simulation")
)

// Marked returns the time of the simulation that a folder is marked as, if it is; a mark
// without a time is an ErrMark.
func Marked(folder string) (now time.Time, simulated bool, err error) {
	file := filepath.Join(folder, Mark)
	text, err := durable.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return now, false, nil
	}
	if errors.Is(err, durable.ErrIrregular) {
		return now, true, fmt.Errorf("%w: %w: %s", ErrMark, err, wayBack)
	}
	if err != nil {
		return now, true, fmt.Errorf("reading the simulated time: %w", err)
	}
	if now, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text))); err != nil {
		return now, true, fmt.Errorf("%w: %s has no time (RFC 3339): %s", ErrMark, file, wayBack)
	}
	return now, true, nil
}

const wayBack = "put it back from the backup, or write into it the time from which the simulation goes on, such as 2026-03-01T00:00:00Z"

// Doubt says what to do where stores are written by another kind of clock than the one
// that their folder is marked for.
func Doubt(folder string, marked bool) string {
	file, otherwise := filepath.Join(folder, Mark), "; if it was the store that was changed, restore the backup"
	if marked {
		return file + " makes the folder a simulation: take it away if it was put beside data of real time" + otherwise
	}
	return file + " is missing: if the data are a simulation's, " + wayBack + otherwise
}

// Clock tells the installation's time. It implements ClockService.
type Clock struct {
	clockv1.UnimplementedClockServiceServer

	real func() time.Time
	file string // empty unless simulated

	mu  sync.Mutex
	now time.Time
}

// Open returns the clock of the data in folder. A folder that is marked stays a
// simulation; one that holds an installation does not become one (ErrReal). start
// is the first time of a new simulation, zero for none.
func Open(folder string, start time.Time, real func() time.Time) (*Clock, error) {
	now, simulated, err := Marked(folder)
	c := &Clock{real: real, file: filepath.Join(folder, Mark), now: now}
	switch {
	case err != nil:
		return nil, err
	case simulated:
		return c, nil
	case start.IsZero():
		c.file = ""
		return c, nil
	}
	if stores, _ := filepath.Glob(filepath.Join(folder, "*.db")); len(stores) > 0 {
		return nil, ErrReal
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
