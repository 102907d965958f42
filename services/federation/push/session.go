package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
)

// session is one stream.
type session struct {
	*Config
	said *said
	logs map[string]*outgoing

	stream  grpc.BidiStreamingClient[federationv1.ReplicateRequest, federationv1.ReplicateResponse]
	sending sync.Mutex
	souring sync.Once
	sour    chan struct{}            // closed once a log is refused
	moved   atomic.Bool              // something was acknowledged
	urged   chan *federationv1.Urged // the newest that was not passed on
}

// healthy says whether the stream has brought something forward, and nothing was
// refused.
func (s *session) healthy() bool {
	select {
	case <-s.sour:
		return false
	default:
		return s.moved.Load()
	}
}

// run dials, and pushes until something breaks.
func (s *session) run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hello, logs, err := s.greeting(ctx, "")
	if err != nil {
		return err
	}
	if s.stream, err = s.Up.Replicate(ctx); err != nil {
		return fmt.Errorf("dialling: %w", err)
	}
	if err := s.send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Hello{Hello: hello}}); err != nil {
		return err
	}
	welcome, err := s.welcome(cancel)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range s.begin(ctx, welcome, logs) {
		g.Go(func() error { return s.pushed(ctx, o) })
	}
	g.Go(func() error { return s.receive(ctx) })
	g.Go(func() error { return s.urge(ctx) })
	g.Go(func() error { return s.again(ctx) })
	g.Go(func() error { return s.renamed(ctx, logs) })
	go func() { // ends receive, which nothing else does
		<-ctx.Done()
		cancel()
	}()
	return g.Wait()
}

// send gives a message to the stream, one at a time.
func (s *session) send(m *federationv1.ReplicateRequest) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	if err := s.stream.Send(m); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// welcome waits for the answer to the greeting, as long as patience lasts.
func (s *session) welcome(cancel context.CancelFunc) (*federationv1.Welcome, error) {
	timer := time.AfterFunc(s.Patience, cancel)
	defer timer.Stop()
	m, err := s.stream.Recv()
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	if r := m.GetReject(); r != nil {
		return nil, fmt.Errorf("greeting: %w", refusal(r))
	}
	if m.GetWelcome() == nil {
		return nil, errors.New("greeting: the answer is no welcome")
	}
	return m.GetWelcome(), nil
}

func refusal(r *federationv1.Reject) error { return fmt.Errorf("%s: %s", r.GetCode(), r.GetDetail()) }

// begin takes in how each log stands above, and returns those that can be pushed. What a log
// has lost it takes back.
func (s *session) begin(ctx context.Context, w *federationv1.Welcome, logs []*outgoing) (all []*outgoing) {
	standing := map[string]*federationv1.Standing{}
	for _, l := range w.GetLogs() {
		standing[l.GetOrigin()] = l
	}
	for _, o := range logs {
		l := standing[o.origin]
		switch err := s.known(ctx, o, l); {
		case err != nil:
			s.refused(ctx, o, err)
		case l != nil && l.GetCode() == federationv1.Code_CODE_UNSPECIFIED && l.GetSize() <= o.first.GetSize():
			o.acked, o.credit = l.GetSize(), uint64(l.GetCredit())
			if both(o.key, s.Cosigner, l.GetNote()) { // which a restore may have taken away here
				o.noted = l.GetNote()
			}
			s.logs[o.origin] = o
			all = append(all, o)
		case o.own() && l.GetCode() == federationv1.Code_CODE_ROLLBACK:
			s.refused(ctx, o, s.recover(ctx, o, l))
		default:
			s.refused(ctx, o, errors.Join(fmt.Errorf("%s at %d", l.GetCode(), l.GetSize()), s.forked(ctx, o, l.GetEvidence())))
		}
	}
	return all
}

// known tells the role that keeps one of the own logs how much the installation
// above has of it, if that is no more than there is.
func (s *session) known(ctx context.Context, o *outgoing, l *federationv1.Standing) error {
	if !o.own() || !o.within(l) {
		return nil
	}
	return s.Keep.Known(ctx, o.name, l.GetSize())
}

// within says whether the installation above has no more of the log than there is
// here; of a log that is not enrolled it has nothing, unless that went on in a later era,
// as which nobody has enrolled it yet.
func (o *outgoing) within(l *federationv1.Standing) bool {
	switch l.GetCode() {
	case federationv1.Code_CODE_UNSPECIFIED:
		return l != nil && l.GetSize() <= o.first.GetSize()
	case federationv1.Code_CODE_UNKNOWN_LOG:
		_, era, ok := feed.SplitOrigin(o.origin)
		return ok && era == feed.FirstEra
	}
	return false
}

// forked holds a log that is shown to have two histories, by its own signatures.
func (c *Config) forked(ctx context.Context, o *outgoing, e *federationv1.Evidence) error {
	if !o.own() || e.GetFork() == nil || e.GetOrigin() != o.origin {
		return nil
	}
	f := federation.Verify(e, federation.Keys{Logs: map[string]string{o.origin: o.key}})
	if f.Verdict != federation.Forked {
		return nil
	}
	return c.Keep.Hold(ctx, o.name, f.What)
}

// refused notes that a log is not taken; the others go on. Of one that is whole again there is
// nothing to say: the next stream takes it.
func (s *session) refused(ctx context.Context, o *outgoing, err error) {
	if !errors.Is(err, errAgain) && s.said.changed(o.name, err.Error()) {
		slog.WarnContext(ctx, "a log is not taken above", "feed", o.name, "error", err)
	}
	s.souring.Do(func() { close(s.sour) })
}

// errRefused says that a log is not taken in this stream.
var errRefused = errors.New("refused")

// pushed pushes one log. That it is refused ends nothing but itself.
func (s *session) pushed(ctx context.Context, o *outgoing) error {
	err := o.push(ctx, s)
	if errors.Is(err, errRefused) {
		s.refused(ctx, o, err)
		return nil
	}
	return err
}

// receive hands out what comes, until the stream ends.
func (s *session) receive(ctx context.Context) error {
	for {
		m, err := s.stream.Recv()
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		switch m := m.GetMessage().(type) {
		case *federationv1.ReplicateResponse_Ack:
			s.acknowledged(m.Ack)
		case *federationv1.ReplicateResponse_Reject:
			o := s.logs[m.Reject.GetOrigin()]
			if o == nil {
				return refusal(m.Reject)
			}
			err := errors.Join(refusal(m.Reject), s.forked(ctx, o, m.Reject.GetEvidence()))
			o.told(func() { o.refused = fmt.Errorf("%w: %w", errRefused, err) })
		case *federationv1.ReplicateResponse_Urged:
			select {
			case <-s.urged: // older than this
			default:
			}
			s.urged <- m.Urged
		}
	}
}

func (s *session) acknowledged(a *federationv1.Ack) {
	o := s.logs[a.GetOrigin()]
	if o == nil {
		return
	}
	s.moved.Store(true)
	o.told(func() {
		if a.GetSize() > o.sent { // damaged: nobody has what was not sent
			return
		}
		o.acked, o.credit = max(o.acked, a.GetSize()), uint64(a.GetCredit())
		if a.GetNote() != "" {
			o.noted = a.GetNote()
		}
	})
}

// again ends the stream some time after a log was refused, to greet anew.
func (s *session) again(ctx context.Context) error {
	select {
	case <-s.sour:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.Tries.Pause(ctx); err != nil {
		return err
	}
	return errAgain
}

// renaming is how often it is asked whether there are other logs to push.
const renaming = time.Second

// renamed ends the stream when there are other logs to push than at its start.
func (s *session) renamed(ctx context.Context, logs []*outgoing) error {
	for {
		if err := feed.Pause(ctx, renaming); err != nil {
			return err
		}
		names, err := s.Names(ctx)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(names, logs, func(of federation.Upward, o *outgoing) bool { return of.Feed == o.name }) {
			return errAgain
		}
	}
}

// said remembers what was logged about each log, to say the same once.
type said struct {
	mu   sync.Mutex
	last map[string]string
}

func (s *said) changed(log, what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.last[log] != what
	s.last[log] = what
	return changed
}
