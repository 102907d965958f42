// Package chaostest makes the connection between two installations fail as bad
// networks do, by a seed: it loses, doubles, reorders, delays, cuts, and flips
// bits of messages. It is for tests alone, and decides nothing about what must
// hold in spite of that: they do.
package chaostest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

type (
	request  = federationv1.ReplicateRequest
	response = federationv1.ReplicateResponse
	stream   = grpc.BidiStreamingClient[request, response]
)

// Line is a connection that fails until it is calmed. It carries any number of
// streams at once.
type Line struct {
	calm   atomic.Bool
	faults atomic.Int64

	mu   sync.Mutex
	dice *rand.Rand
}

// NewLine returns a line that fails as the seed has it.
func NewLine(seed uint64) *Line { return &Line{dice: rand.New(rand.NewPCG(seed, 11))} }

// Calm ends the failing. What was lost before stays lost.
func (l *Line) Calm() { l.calm.Store(true) }

// Calmed says whether the failing has ended.
func (l *Line) Calmed() bool { return l.calm.Load() }

// Faults is how often the line has failed.
func (l *Line) Faults() int64 { return l.faults.Load() }

// Over returns the installation above as it is reached over the line. Only
// Replicate goes over it.
func (l *Line) Over(up federationv1.FederationServiceClient) federationv1.FederationServiceClient {
	return over{up, l}
}

type over struct {
	federationv1.FederationServiceClient
	line *Line
}

// Replicate implements FederationServiceClient.
func (o over) Replicate(ctx context.Context, opts ...grpc.CallOption) (stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s, err := o.FederationServiceClient.Replicate(ctx, opts...)
	if err != nil {
		cancel()
		return nil, err
	}
	return &faulty{stream: s, line: o.line, cancel: cancel}, nil
}

// faulty is one stream.
type faulty struct {
	stream
	line   *Line
	cancel context.CancelFunc
	held   *request  // goes after the next
	again  *response // comes next
}

// errCut says that the connection broke.
var errCut = errors.New("cut")

// lag is by how much a message is delayed.
const lag = 5 * time.Millisecond

// roll says what happens to a message; empty: nothing.
func (l *Line) roll() string {
	if l.calm.Load() {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fates := []string{"lose", "double", "hold", "flip", "cut", "delay"}
	if n := l.dice.IntN(100); n < 5*len(fates) {
		l.faults.Add(1)
		return fates[n/5]
	}
	return ""
}

// flip changes one bit of the encoded message, or says that it is one no more.
func flip[M proto.Message](l *Line, m, into M) bool {
	b, err := proto.Marshal(m)
	if err != nil || len(b) == 0 {
		return false
	}
	l.mu.Lock()
	b[l.dice.IntN(len(b))] ^= 1 << l.dice.IntN(8)
	l.mu.Unlock()
	return proto.Unmarshal(b, into) == nil
}

func (f *faulty) cut() error {
	f.cancel()
	return errCut
}

// Send implements the stream.
func (f *faulty) Send(m *request) error {
	list := []*request{m}
	switch f.line.roll() {
	case "lose":
		return nil
	case "double":
		list = append(list, m)
	case "hold":
		if f.held == nil {
			f.held = m
			return nil
		}
	case "flip":
		list[0] = &request{}
		if !flip(f.line, m, list[0]) {
			return f.cut()
		}
	case "cut":
		return f.cut()
	case "delay":
		_ = feed.Pause(f.Context(), lag)
	}
	if f.held != nil {
		list, f.held = append(list, f.held), nil
	}
	for _, m := range list {
		if err := f.stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// Recv implements the stream.
func (f *faulty) Recv() (*response, error) {
	if m := f.again; m != nil {
		f.again = nil
		return m, nil
	}
	m, err := f.stream.Recv()
	if err != nil {
		return nil, err
	}
	return f.received(m)
}

// received is what comes in place of a message.
func (f *faulty) received(m *response) (*response, error) {
	switch f.line.roll() {
	case "lose":
		return f.Recv()
	case "double":
		f.again = m
	case "hold":
		next, err := f.stream.Recv()
		f.again = m
		return next, err
	case "flip":
		damaged := &response{}
		if flip(f.line, m, damaged) {
			return damaged, nil
		}
		return nil, f.cut()
	case "cut":
		return nil, f.cut()
	case "delay":
		_ = feed.Pause(f.Context(), lag)
	}
	return m, nil
}
