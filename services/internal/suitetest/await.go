package suitetest

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// CatchUp returns when every right that was taken away so far is refused: what
// was given holds at once, what was taken follows a moment later.
func (s *Suite) CatchUp() {
	s.T.Helper()
	for _, p := range s.parts {
		if tree := p.Process.Tree; tree != nil {
			s.must(tree.CatchUp(s.T.Context()))
		}
	}
}

// Recorded returns when the feed of a role has n entries of a kind, for what follows
// from a call by itself. It gives up after a minute.
func (s *Suite) Recorded(role, kind string, n int) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), time.Minute)
	defer cancel()
	feed, start := feedv1.NewFeedServiceClient(s.As(s.Auditor)), uint64(0)
	for n > 0 {
		run, err := feed.ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: "feeds/" + role, Start: start, Wait: durationpb.New(time.Second)})
		if err != nil {
			s.T.Fatalf("waiting for %d more entries of the kind %s: %v", n, kind, err)
		}
		for _, r := range run.GetRecords() {
			e := &feedv1.Entry{}
			s.must(proto.Unmarshal(r.GetEntry(), e))
			if e.GetKind() == kind {
				n--
			}
		}
		start = run.GetNextStart()
	}
}
