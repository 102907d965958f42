package streams

import (
	"context"
	"errors"
	"io"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/fault"
)

// errBroken says that the connection broke, in whatever way.
var errBroken = errors.New("the stream broke off")

// Messages are what comes on a stream: one goroutine reads, one works. What is not taken yet
// waits in the connection, which so slows the sender down, and nobody else.
type Messages struct {
	come  chan *federationv1.ReplicateRequest
	ended chan error
}

// Read reads the stream, until it or ctx ends.
func Read(ctx context.Context, stream interface {
	Recv() (*federationv1.ReplicateRequest, error)
}) *Messages {
	m := &Messages{make(chan *federationv1.ReplicateRequest), make(chan error, 1)}
	go func() { m.ended <- m.read(ctx, stream.Recv) }()
	return m
}

func (m *Messages) read(ctx context.Context, receive func() (*federationv1.ReplicateRequest, error)) error {
	for {
		message, err := receive()
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if fault.As(err) != nil {
			return err // what came is no message, or not to be read
		}
		if err != nil {
			return errBroken
		}
		select {
		case m.come <- message:
		case <-ctx.Done():
			return errBroken
		}
	}
}

// Next waits for a message, as long as patience lasts, or until the stream is replaced or the
// process stops: then it is [federation.ErrStreamEnded].
func (m *Messages) Next(ctx context.Context, patience time.Duration, replaced, stopping <-chan struct{}) (*federationv1.ReplicateRequest, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case message := <-m.come:
		return message, nil
	case err := <-m.ended:
		return nil, err
	case <-timer.C:
	case <-replaced:
	case <-stopping:
	case <-ctx.Done():
	}
	return nil, federation.ErrStreamEnded
}

// Ending is how a stream ends: what the other side did is no error of ours.
func Ending(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, errBroken):
		return federation.ErrStreamEnded
	default:
		return err
	}
}
