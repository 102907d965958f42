package server

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/streams"
)

// stream is what gRPC gives to Replicate.
type stream = grpc.BidiStreamingServer[federationv1.ReplicateRequest, federationv1.ReplicateResponse]

// patience is how long a stream may be without a message once it is believed.
const patience = 3 * federation.Beat

// Replicate implements the RPC. Streams are bounded by who opens them until they are
// believed, and then one an installation.
func (s *Service) Replicate(stream stream) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	known, err := s.strangers.Enter(ctx)
	if err != nil {
		return err
	}
	defer known()
	messages := streams.Read(ctx, stream)
	first, err := messages.Next(ctx, streams.Greeting, nil, s.parts.Stopping)
	if err != nil {
		return streams.Ending(err)
	}
	session, err := s.greet(ctx, first.GetHello())
	if err != nil {
		return s.refuse(stream, err)
	}
	replaced, leave, err := s.streams.Enter(ctx, session.name, session.said, s.book.Clock)
	if errors.Is(err, streams.ErrRepeated) {
		err = &refusal{code: federationv1.Code_CODE_CLOCK_SKEW, detail: err.Error()}
	}
	if err != nil {
		return s.refuse(stream, err)
	}
	defer leave()
	known()
	answer, err := session.welcome(ctx, first.GetHello())
	if err == nil {
		err = stream.Send(answer)
		answer = session.urges.Due(ctx, session.name, session.root)
	}
	for err == nil {
		if answer != nil {
			if err = stream.Send(answer); err != nil {
				break
			}
		}
		var message *federationv1.ReplicateRequest
		if message, err = messages.Next(ctx, patience, replaced, s.parts.Stopping); err == nil {
			s.streams.Speaks(ctx, session.name, s.book.Clock())
			answer, err = session.handle(ctx, message)
		}
	}
	return streams.Ending(err)
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
			answer = c.urges.Due(ctx, c.name, c.root)
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
