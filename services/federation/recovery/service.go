package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"sync"

	"google.golang.org/grpc"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
)

var (
	errUnknown = fault.Of(faultv1.Reason_REASON_NOT_FOUND)
	errBusy    = errors.New("the log is being given its tail already")
)

// Service implements LogService for the roles of this process.
type Service struct {
	federationv1.UnimplementedLogServiceServer
	// Logs are those of the roles, and MUST NOT change any more.
	Logs map[string]Log
	// Restored are those of them that came from a backup.
	Restored *Restored
	// Out is the process's log.
	Out *slog.Logger

	restoring sync.Map // the roles whose logs are being restored
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
	if err := log.goOn(ctx); err != nil {
		s.Out.ErrorContext(ctx, "the log that was restored does not go on", "feed", req.GetRole(), "error", err)
		return res, nil
	}
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
	first, err := stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return errUnknown
	case err != nil:
		return fmt.Errorf("receiving the tail of a log: %w", err)
	}
	role := first.GetRole()
	if err := s.restore(stream.Context(), first, parts(first, stream.Recv)); err != nil {
		return fmt.Errorf("taking back %s: %w", role, err)
	}
	if err := s.Restored.whole(role); err != nil {
		return err
	}
	return stream.SendAndClose(&federationv1.RestoreLogResponse{})
}

func (s *Service) restore(ctx context.Context, first *federationv1.RestoreLogRequest, runs iter.Seq2[[]*feedv1.Record, error]) error {
	log, ok := s.Logs[first.GetRole()]
	if !ok {
		return errUnknown
	}
	if _, busy := s.restoring.LoadOrStore(first.GetRole(), true); busy {
		return errBusy
	}
	defer s.restoring.Delete(first.GetRole())
	taken, err := log.Restore(ctx, first.GetSize(), first.GetCover(), runs)
	switch {
	case err != nil:
	case taken.Missing > 0:
		s.Out.WarnContext(ctx, "the log has its tail again; what is sealed and was not pushed is missing", "feed", first.GetRole(), "entries", taken.Entries, "missing", taken.Missing)
	default:
		s.Out.InfoContext(ctx, "the log has its tail again, and nothing of it is missing", "feed", first.GetRole(), "entries", taken.Entries)
	}
	return err
}

// parts are the entries of the first part and of those that follow.
func parts(first *federationv1.RestoreLogRequest, next func() (*federationv1.RestoreLogRequest, error)) iter.Seq2[[]*feedv1.Record, error] {
	return func(yield func([]*feedv1.Record, error) bool) {
		for part, err := first, error(nil); !errors.Is(err, io.EOF); part, err = next() {
			if !yield(part.GetRecords(), err) || err != nil {
				return
			}
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
