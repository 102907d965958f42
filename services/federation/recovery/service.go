package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// What a log can take back at once.
const (
	maxLostEntries = 200_000
	maxLostBytes   = 256 << 20
)

var (
	errUnknown = fault.Of(faultv1.Reason_REASON_NOT_FOUND)
	errLost    = errors.New("the tail that is lost cannot be taken back")
)

// Log is a role's log, with where it and the role's records lie.
type Log struct {
	*feed.Log
	Engine store.Engine
	Schema store.Schema
}

// Service implements LogService for the roles of this process.
type Service struct {
	federationv1.UnimplementedLogServiceServer
	// Logs are those of the roles, and MUST NOT change any more.
	Logs map[string]Log
	// Restored are those of them that came from a backup.
	Restored *Restored
	// Out is the process's log.
	Out *slog.Logger
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) { federationv1.RegisterLogServiceServer(r, s) }

// ConfirmLog implements the RPC: a log that was restored goes on, unless the
// installation above has more of it.
func (s *Service) ConfirmLog(ctx context.Context, req *federationv1.ConfirmLogRequest) (*federationv1.ConfirmLogResponse, error) {
	log, ok := s.Logs[req.GetRole()]
	if !ok {
		return nil, errUnknown
	}
	res := &federationv1.ConfirmLogResponse{}
	if !s.Restored.trusted(req.GetRole()) {
		return res, nil
	}
	size, err := log.size(ctx)
	if err != nil || req.GetSize() > size {
		return res, err
	}
	log.Release()
	s.Out.InfoContext(ctx, "the log that was restored goes on: the installation above has no more of it", "feed", req.GetRole(), "above", req.GetSize())
	return res, s.Restored.whole(req.GetRole())
}

// HoldLog implements the RPC.
func (s *Service) HoldLog(ctx context.Context, req *federationv1.HoldLogRequest) (*federationv1.HoldLogResponse, error) {
	log, ok := s.Logs[req.GetRole()]
	if !ok {
		return nil, errUnknown
	}
	s.Restored.doubted(req.GetRole())
	if _, held := log.Held(); !held {
		log.Hold(req.GetWhy())
		s.Out.ErrorContext(ctx, "nothing more is written to the log: the installation above has shown that it is not whole", "feed", req.GetRole(), "why", req.GetWhy())
	}
	return &federationv1.HoldLogResponse{}, nil
}

// RestoreLog implements the RPC.
func (s *Service) RestoreLog(stream grpc.ClientStreamingServer[federationv1.RestoreLogRequest, federationv1.RestoreLogResponse]) error {
	lost, err := receive(stream)
	if err != nil {
		return err
	}
	log, ok := s.Logs[lost.GetRole()]
	if !ok {
		return errUnknown
	}
	missing, err := log.restore(stream.Context(), lost)
	if err != nil {
		return fmt.Errorf("taking back %s: %w", lost.GetRole(), err)
	}
	s.Out.WarnContext(stream.Context(), "the log has its tail again; what is sealed and was not pushed is missing", "feed", lost.GetRole(), "entries", len(lost.GetRecords()), "missing", missing)
	if err := s.Restored.whole(lost.GetRole()); err != nil {
		return err
	}
	return stream.SendAndClose(&federationv1.RestoreLogResponse{})
}

// receive puts the parts together.
func receive(stream grpc.ClientStreamingServer[federationv1.RestoreLogRequest, federationv1.RestoreLogResponse]) (*federationv1.RestoreLogRequest, error) {
	lost, bytes := &federationv1.RestoreLogRequest{}, 0
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return lost, nil
		}
		if err != nil {
			return nil, fmt.Errorf("receiving the tail of %s: %w", lost.GetRole(), err)
		}
		proto.Merge(lost, part)
		if bytes += proto.Size(part); bytes > maxLostBytes || len(lost.GetRecords()) > maxLostEntries {
			return nil, fmt.Errorf("%w: of %s more than %d entries or %d bytes", errLost, lost.GetRole(), maxLostEntries, maxLostBytes)
		}
	}
}

func (l Log) size(ctx context.Context) (size uint64, err error) {
	err = l.Engine.View(ctx, func(tx store.Tx) error {
		size, err = l.Size(tx)
		return err
	})
	return size, err
}

// restore believes the log's own signature alone, and nobody's word.
func (l Log) restore(ctx context.Context, lost *federationv1.RestoreLogRequest) (missing int, err error) {
	if err := federation.CheckBranch(l.VerifierKey(), lost.GetSize(), lost.GetCover()); err != nil {
		return 0, fmt.Errorf("%w: that there was more is not shown: %w", errLost, err)
	}
	root, err := federation.Hash(lost.GetCover().GetRoot())
	if err != nil {
		return 0, err
	}
	l.Hold(fmt.Sprintf("it once had %d entries", lost.GetSize()))
	err = l.Engine.Update(ctx, func(tx store.Tx) (err error) {
		if missing, err = Apply(tx, l.Log, lost.GetRecords(), root); err == nil {
			_, err = store.Reindex(tx, l.Schema)
		}
		return err
	})
	if err == nil {
		l.Release()
	}
	return missing, err
}
