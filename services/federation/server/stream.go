package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/fault"
)

// stream is what gRPC gives to Replicate.
type stream = grpc.BidiStreamingServer[federationv1.ReplicateRequest, federationv1.ReplicateResponse]

// patience is how long a stream may be without a message once it is believed.
const patience = 3 * federation.Beat

// Replicate implements the RPC. One goroutine reads, one works: what is not taken
// yet waits in the connection, which so slows the sender down, and nobody else. Streams
// are bounded by who opens them until they are believed, and then one an installation.
func (s *Service) Replicate(stream stream) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	known, err := s.strangers.enter(ctx)
	if err != nil {
		return err
	}
	defer known()
	messages := make(chan *federationv1.ReplicateRequest)
	ended := make(chan error, 1)
	go func() { ended <- receive(ctx, stream, messages) }()
	first, err := s.next(ctx, greeting, messages, ended, nil)
	if err != nil {
		return ending(err)
	}
	session, err := s.greet(ctx, first.GetHello())
	if err != nil {
		return s.refuse(stream, err)
	}
	replaced, leave, err := s.streams.enter(ctx, session)
	if err != nil {
		return s.refuse(stream, err)
	}
	defer leave()
	known()
	answer, err := session.welcome(ctx, first.GetHello())
	if err == nil {
		err = stream.Send(answer)
		answer = session.urged(ctx)
	}
	for err == nil {
		if answer != nil {
			if err = stream.Send(answer); err != nil {
				break
			}
		}
		var message *federationv1.ReplicateRequest
		if message, err = s.next(ctx, patience, messages, ended, replaced); err == nil {
			s.streams.speaks(ctx, session)
			answer, err = session.handle(ctx, message)
		}
	}
	return ending(err)
}

// ending is how a stream ends: what the other side did is no error of ours.
func ending(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, errBroken):
		return federation.ErrStreamEnded
	default:
		return err
	}
}

// errBroken says that the connection broke, in whatever way.
var errBroken = errors.New("the stream broke off")

func receive(ctx context.Context, stream stream, messages chan<- *federationv1.ReplicateRequest) error {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if fault.As(err) != nil {
			return err // what came is no message
		}
		if err != nil {
			return errBroken
		}
		select {
		case messages <- m:
		case <-ctx.Done():
			return errBroken
		}
	}
}

// next waits for a message, as long as patience lasts. All streams are over when the
// process stops.
func (s *Service) next(ctx context.Context, patience time.Duration, messages <-chan *federationv1.ReplicateRequest, ended <-chan error, replaced <-chan struct{}) (*federationv1.ReplicateRequest, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case m := <-messages:
		return m, nil
	case err := <-ended:
		return nil, err
	case <-timer.C:
	case <-replaced:
	case <-s.parts.Stopping:
	case <-ctx.Done():
	}
	return nil, federation.ErrStreamEnded
}

// handle does what a message asks. A refusal is an answer too: the stream goes on.
func (c *session) handle(ctx context.Context, m *federationv1.ReplicateRequest) (answer *federationv1.ReplicateResponse, err error) {
	switch m := m.GetMessage().(type) {
	case *federationv1.ReplicateRequest_Prove:
		err = c.prove(ctx, m.Prove)
	case *federationv1.ReplicateRequest_Append:
		answer, err = c.take(ctx, m.Append)
	case *federationv1.ReplicateRequest_Beat:
		if err = c.beat(ctx, m.Beat); err == nil {
			answer = c.urged(ctx)
		}
	case *federationv1.ReplicateRequest_Fetch:
		answer, err = c.fetch(ctx, m.Fetch)
	default:
		err = federation.ErrStreamEnded
	}
	var r *refusal
	if errors.As(err, &r) {
		return r.message(), nil
	}
	return answer, err
}

// refuse tells a caller who is not believed why, and ends the stream.
func (s *Service) refuse(stream stream, err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	if err := stream.Send(r.message()); err != nil {
		return federation.ErrStreamEnded
	}
	return federation.ErrSignatureRefused
}

// streams are those that are open, by installation: one each.
type streams struct {
	mu     sync.Mutex
	open   map[string]*openStream
	clones int64 // that were noticed
}

type openStream struct {
	boot     string
	last     time.Time     // the newest greeting: none is taken twice
	replaced chan struct{} // closed when a newer stream of the same process comes
	left     chan struct{} // closed when the stream has ended
	rival    time.Time     // when another process was first refused for it; zero: none was
}

func newStreams() streams { return streams{open: map[string]*openStream{}} }

// enter takes the installation's place. A newer stream of the same process takes
// it from the older, which may not have noticed that its connection is gone;
// another process does not get it while the first is there: two at once are a
// clone.
func (s *streams) enter(ctx context.Context, c *session) (replaced <-chan struct{}, leave func(), err error) {
	for {
		s.mu.Lock()
		before := s.open[c.name]
		switch {
		case before == nil || isClosed(before.left):
			if before != nil && !c.said.At.After(before.last) {
				s.mu.Unlock()
				return nil, nil, &refusal{code: federationv1.Code_CODE_CLOCK_SKEW, detail: "a later greeting has come before: this one is said again, or the clock there was set back"}
			}
			mine := &openStream{boot: c.said.Boot, last: c.said.At, replaced: make(chan struct{}), left: make(chan struct{})}
			s.open[c.name] = mine
			s.mu.Unlock()
			return mine.replaced, func() { close(mine.left) }, nil
		case before.boot != c.said.Boot:
			if before.rival.IsZero() {
				before.rival = c.s.book.Clock()
			}
			s.mu.Unlock()
			return nil, nil, federation.ErrStreamRunning
		case c.said.At.After(before.last) && !isClosed(before.replaced):
			close(before.replaced)
		}
		s.mu.Unlock()
		select {
		case <-before.left:
		case <-ctx.Done():
			return nil, nil, federation.ErrStreamEnded
		}
	}
}

// speaks notices a clone: the installation's stream is there a heartbeat after another
// process was refused for it. One whose process has ended is gone by then, and the other
// has its place.
func (s *streams) speaks(ctx context.Context, c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.open[c.name]
	if o.rival.IsZero() || c.s.book.Clock().Sub(o.rival) < federation.Beat {
		return
	}
	o.rival = time.Time{}
	s.clones++
	slog.WarnContext(ctx, "two processes are the same installation: one is a clone", "installation", c.name)
}

// Clones is how often it was noticed, since the process began, that two processes were
// the same installation at once (克隆).
func (s *Service) Clones() int64 {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	return s.streams.clones
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
