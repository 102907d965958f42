// Package server answers for the feeds of the services that run in this
// process: checkpoints, records, proofs. It reads a log as package feed wrote
// it and does not check it (feed/fsck does). Who may call at all is decided before,
// by the steps of package serve; here it is asked whether that right is held at
// the installation's root.
package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/grpc"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/seat"
	"github.com/duban-project/duban/services/internal/store"
)

// Office is the label of what goes upward opened: the names of those responsible
// in office (责任人).
const Office = "office"

const (
	pageSize    = 256
	maxPageSize = 1000
	maxWait     = 30 * time.Second
)

var (
	errUnknown = fault.Of(faultv1.Reason_REASON_NOT_FOUND)
	errInvalid = fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)
)

// Source is one service's log and the engine that it lies in.
type Source struct {
	Engine store.Engine
	Log    *feed.Log
}

// Service implements feedv1.FeedServiceServer. Sources has the logs by the name
// of their service, such as "rectification", and MUST NOT change any more.
// Stopping is closed when the process begins to stop: nobody but services of the
// process itself waits for entries from then on.
type Service struct {
	feedv1.UnimplementedFeedServiceServer
	Sources  map[string]Source
	Stopping <-chan struct{}
	// Mirrors finds the mirror of a lower installation's log, such as
	// "510104.rectification"; nil where none are kept.
	Mirrors func(ctx context.Context, name string) (Source, error)
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) { feedv1.RegisterFeedServiceServer(r, s) }

// GetCheckpoint implements the RPC.
func (s *Service) GetCheckpoint(ctx context.Context, req *feedv1.GetCheckpointRequest) (cp *feedv1.Checkpoint, err error) {
	src, err := s.source(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	err = src.Engine.View(ctx, func(tx store.Tx) error {
		cp, err = src.Log.Checkpoint(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	cp.Name = "feeds/" + strings.TrimPrefix(req.GetName(), "feeds/") // of a mirror, with its era if that was asked for
	return cp, nil
}

// ListRecords implements the RPC. It waits outside of any View.
func (s *Service) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error) {
	src, err := s.source(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	if req.GetOffice() && !opens(authz.From(ctx).Principal.Service()) {
		return nil, authz.ErrDenied
	}
	res, err := src.list(ctx, req)
	if err != nil || len(res.GetRecords()) > 0 || req.GetWait().AsDuration() <= 0 {
		return res, err
	}
	if err := s.wait(ctx, src, req); err != nil {
		return nil, err
	}
	return src.list(ctx, req)
}

// GetProof implements the RPC.
func (s *Service) GetProof(ctx context.Context, req *feedv1.GetProofRequest) (p *feedv1.Proof, err error) {
	src, err := s.source(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	err = src.Engine.View(ctx, func(tx store.Tx) error {
		p, err = src.prove(tx, req)
		return err
	})
	return p, err
}

// source finds a feed for a caller who may read all of it: a feed is the whole
// installation's, so the right must be held at its root, and a service must be named
// for it.
func (s *Service) source(ctx context.Context, name string) (Source, error) {
	a := authz.From(ctx)
	if err := a.Check(a.Tree().Root()); err != nil {
		return Source{}, err
	}
	name = strings.TrimPrefix(name, "feeds/")
	if service := a.Principal.Service(); service != "" && !follows(service, name) {
		return Source{}, authz.ErrDenied
	}
	if src, ok := s.Sources[name]; ok {
		return src, nil
	}
	if s.Mirrors == nil || !strings.Contains(name, ".") {
		return Source{}, errUnknown
	}
	src, err := s.Mirrors(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return Source{}, errUnknown
	}
	return src, err
}

// list reads one page in a View of its own.
func (s Source) list(ctx context.Context, req *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error) {
	res := &feedv1.ListRecordsResponse{}
	err := s.Engine.View(ctx, func(tx store.Tx) (err error) {
		if res.Size, err = s.Log.Size(tx); err != nil {
			return err
		}
		if req.GetStart() > res.GetSize() {
			return errInvalid.At("start", "起始序号超出日志末尾。", "The feed ends before this index.")
		}
		res.Records, err = s.Log.Records(tx, req.GetStart(), most(req))
		if err != nil || !req.GetOffice() {
			return err
		}
		err = s.Log.Open(tx, res.GetRecords(), Office)
		res.Records = fitting(res.GetRecords())
		return err
	})
	res.NextStart = req.GetStart() + uint64(len(res.GetRecords()))
	return res, err
}

// fitting are the first of the records, as many as a page has room for with what opens
// their commitments.
func fitting(records []*feedv1.Record) []*feedv1.Record {
	var room page.Room
	for i, r := range records {
		if !room.Takes(r) {
			return records[:i]
		}
	}
	return records
}

func most(req *feedv1.ListRecordsRequest) int {
	if req.GetPageSize() <= 0 {
		return pageSize
	}
	return min(int(req.GetPageSize()), maxPageSize)
}

// wait returns when there is something to read, the time asked for is over or
// the process stops.
func (s *Service) wait(ctx context.Context, src Source, req *feedv1.ListRecordsRequest) error {
	waiting, cancel := context.WithTimeout(ctx, min(req.GetWait().AsDuration(), maxWait))
	defer cancel()
	if !authn.Within(ctx) {
		go func() {
			select {
			case <-s.Stopping:
				cancel()
			case <-waiting.Done():
			}
		}()
	}
	if err := seat.Leave(ctx); err != nil {
		return err
	}
	if err := src.Log.Wait(waiting, req.GetStart()); err != nil {
		return ctx.Err() // nil if only the waiting is over
	}
	return nil
}

func (s Source) prove(tx store.Tx, req *feedv1.GetProofRequest) (*feedv1.Proof, error) {
	size, err := s.Log.Size(tx)
	switch {
	case err != nil:
		return nil, err
	case req.GetSize() > size:
		return nil, errInvalid.At("size", "超出日志的大小。", "The feed is smaller.")
	case req.GetSize() > 0:
		size = req.GetSize()
	}
	hashes, err := s.hashes(tx, req, size)
	if err != nil {
		return nil, err
	}
	root, err := s.Log.Root(tx, size)
	return &feedv1.Proof{Size: size, Root: root[:], Hashes: hashes}, err
}

func (s Source) hashes(tx store.Tx, req *feedv1.GetProofRequest, size uint64) ([][]byte, error) {
	var (
		proof []tlog.Hash
		err   error
		field string
	)
	switch of := req.GetOf().(type) {
	case *feedv1.GetProofRequest_Seq:
		field = "seq"
		proof, err = s.Log.Inclusion(tx, of.Seq, size)
	case *feedv1.GetProofRequest_First:
		field = "first"
		proof, err = s.Log.Consistency(tx, of.First, size)
	default:
		return nil, errInvalid.At("of", "未指明证明对象。", "It is not said what is to be proved.")
	}
	if errors.Is(err, feed.ErrRange) {
		return nil, errInvalid.At(field, "超出证明所依据的树。", "The tree that the proof is about is smaller.")
	}
	return bytesOf(proof), err
}

func bytesOf(proof []tlog.Hash) [][]byte {
	list := make([][]byte, len(proof))
	for i := range proof {
		list[i] = proof[i][:]
	}
	return list
}
