package suitetest

import (
	"os"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/suite"
)

// Tail are the records of a role's log from one on, as they go upward, and what shows that
// it signed them.
func (s *Suite) Tail(role string, start uint64) *federationv1.RestoreLogRequest {
	s.T.Helper()
	feeds, name := feedv1.NewFeedServiceClient(s.Conn("federation")), "feeds/"+role
	cp := OK[*feedv1.Checkpoint](s.T)(feeds.GetCheckpoint(s.T.Context(), &feedv1.GetCheckpointRequest{Name: name}))
	req := &federationv1.RestoreLogRequest{Role: role, Size: cp.GetSize()}
	req.Cover = federation.NewBranch(federation.Head{Note: cp.GetNote()}, tlog.Hash(cp.GetRoot()), nil)
	for next := start; next < cp.GetSize(); {
		page := OK[*feedv1.ListRecordsResponse](s.T)(feeds.ListRecords(s.T.Context(), &feedv1.ListRecordsRequest{Parent: name, Start: next, PageSize: 1000, Office: true}))
		req.Records, next = append(req.Records, page.GetRecords()...), page.GetNextStart()
	}
	req.Records = req.GetRecords()[:cp.GetSize()-start]
	return req
}

// Behind starts the suite anew with an old store of a role in the place of the one it has:
// that log is held.
func (s *Suite) Behind(role string, old []byte) *Suite {
	s.T.Helper()
	s.Stop()
	if err := os.WriteFile(s.Store(role), old, 0o600); err != nil {
		s.T.Fatal(err)
	}
	next := RunAs(s.T, s.Folder, func(*suite.Config) {})
	next.SystemAdmin, next.SecurityAdmin, next.Auditor, next.Root = s.SystemAdmin, s.SecurityAdmin, s.Auditor, s.Root
	return next
}

// Regain gives a log its tail back.
func (s *Suite) Regain(tail *federationv1.RestoreLogRequest) {
	s.T.Helper()
	stream, err := federationv1.NewLogServiceClient(s.Conn("federation")).RestoreLog(s.T.Context())
	if err != nil {
		s.T.Fatal(err)
	}
	records := tail.GetRecords()
	tail.Records = nil
	for run := range slices.Chunk(records, 2) {
		tail.Records = run
		if err := stream.Send(tail); err != nil {
			s.T.Fatal(err)
		}
		tail = &federationv1.RestoreLogRequest{}
	}
	OK[*federationv1.RestoreLogResponse](s.T)(stream.CloseAndRecv())
}
