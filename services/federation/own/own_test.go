package own_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation/own"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// silent is a feed that says it has entries and answers none.
type silent struct{ feedv1.FeedServiceClient }

func (silent) GetCheckpoint(context.Context, *feedv1.GetCheckpointRequest, ...grpc.CallOption) (*feedv1.Checkpoint, error) {
	return &feedv1.Checkpoint{Name: "feeds/campaign", Size: 3}, nil
}

func (silent) ListRecords(context.Context, *feedv1.ListRecordsRequest, ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	return &feedv1.ListRecordsResponse{}, nil
}

// TestUnsentSaysThatEntriesAreNotAnswered: no error stands in it that is none.
func TestUnsentSaysThatEntriesAreNotAnswered(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "store.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	_, _, err = own.Logs{Store: engine, Feeds: silent{}}.Unsent(t.Context(), "campaign")
	if want := "campaign has 3 entries, and answers none from 0 on"; err == nil || err.Error() != want {
		t.Errorf("Unsent = %v, want %s", err, want)
	}
}

var errBroken = errors.New("the line is broken")

// broken is a feed that proves and tells no entries.
type broken struct{ silent }

func (broken) GetProof(context.Context, *feedv1.GetProofRequest, ...grpc.CallOption) (*feedv1.Proof, error) {
	return &feedv1.Proof{}, nil
}

func (broken) ListRecords(context.Context, *feedv1.ListRecordsRequest, ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	return nil, errBroken
}

// TestNoReceiptIsNotNoEntry: only an entry that is not there is said not to be.
func TestNoReceiptIsNotNoEntry(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "store.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	_, err = own.Logs{Store: engine, Feeds: broken{}}.Receipt(t.Context(), "feeds/campaign", 1)
	if !errors.Is(err, errBroken) || errors.Is(err, authz.ErrNotFound) {
		t.Errorf("Receipt = %v, want %v alone", err, errBroken)
	}
}
