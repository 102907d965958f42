package serve

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// gone is a call whose caller does not wait any more.
type gone struct{ grpc.ServerTransportStream }

func (gone) SetHeader(metadata.MD) error { return errors.New("the stream is done") }

func TestACallerWhoHasGoneIsNoErrorOfOurs(t *testing.T) {
	there := grpc.NewContextWithServerTransportStream(t.Context(), gone{})
	if err := tell(there, Call{}, metadata.Pairs("a", "b")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone: %v", err)
	}
	if err := tell(t.Context(), Call{}, metadata.Pairs("a", "b")); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("no call at all: %v", err)
	}
}
