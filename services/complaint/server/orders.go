package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// asideBucket keeps which orders were set aside (暂缓): complaint → aside. The
// order itself stays where it is.
const asideBucket = "complaint.orders.aside"

const (
	patience = 5                // tries of an order before it is set aside
	look     = 30 * time.Second // how often those set aside are looked at
	atOnce   = 100              // of them in one look

	firstRest = time.Minute // before an order that was set aside is tried again
	lastRest  = time.Hour
)

// errUnreadable says that an order cannot be decrypted or decoded.
var errUnreadable = errors.New("the order cannot be read")

// aside is how often an order was tried in vain since it was set aside, and when
// it is tried again.
type aside struct {
	tries uint32
	next  time.Time
}

// after is the row after one more try at that time: each rest is twice as long
// as the one before.
func (a aside) after(now time.Time) aside {
	rest := lastRest
	if a.tries < 6 { // one minute, 64 times
		rest = min(firstRest<<a.tries, lastRest)
	}
	return aside{a.tries + 1, now.Add(rest)}
}

func (a aside) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, a.tries), uint64(a.next.UnixMilli()))
}

// asideRow is the form of such a row: of a complaint, whose order may be settled by now.
var asideRow = store.Every(
	store.Shaped(func(_, value []byte) bool { return len(value) == len(aside{}.encode()) }),
	store.Of("duban.complaint.v1.Complaint", store.Same),
)

// readAside undoes encode. A row that is broken counts as one that is due.
func readAside(b []byte) aside {
	if len(b) != 12 {
		return aside{}
	}
	return aside{binary.BigEndian.Uint32(b), time.UnixMilli(int64(binary.BigEndian.Uint64(b[4:])))}
}

// outage says that it is not the order's own fault: who should carry it out
// cannot be reached, or takes nothing on.
func outage(err error) bool {
	if errors.Is(err, change.ErrLogIncomplete) {
		return true // a rule refuses it, but not the order
	}
	if f := fault.As(err); f != nil {
		switch f.Kind() {
		case faultv1.Kind_KIND_DOWN, faultv1.Kind_KIND_EXHAUSTED, faultv1.Kind_KIND_UNKNOWN:
			return true
		}
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.Canceled:
		return true
	}
	return false
}

// hindrance is the stable reason that stands on the complaint.
func hindrance(err error) string {
	switch f := fault.As(err); {
	case errors.Is(err, errUnreadable):
		return "ORDER_UNREADABLE"
	case f != nil:
		return f.Reason
	default:
		return "INTERNAL"
	}
}

// setAside keeps an order that fails for a reason of its own for later, so that
// those after it go on, and tells whoever is responsible. Once it has returned,
// the order is tried again without the feed.
func (s *Service) setAside(ctx context.Context, name string, cause error) error {
	var row aside
	err := s.book.Store.Update(ctx, func(tx store.Tx) error {
		before, _, err := store.Seek(tx, asideBucket, []byte(name))
		if err != nil {
			return err
		}
		row = readAside(before).after(s.book.Clock())
		return tx.Put(asideBucket, []byte(name), row.encode())
	})
	if err != nil {
		return fmt.Errorf("setting an order aside: %w", err)
	}
	reason := hindrance(cause)
	slog.WarnContext(ctx, "an ordered problem is set aside", "complaint", name, "reason", reason, "tries", row.tries, "next", row.next)
	_, err = s.Self.SettleRectification(ctx, &complaintv1.SettleRectificationRequest{
		Name: name, Outcome: &complaintv1.SettleRectificationRequest_Hindrance{Hindrance: reason},
	})
	if err != nil { // the order is kept all the same
		slog.WarnContext(ctx, "noting on a complaint why its problem is not entered", "complaint", name, "error", err)
	}
	return nil
}

// retry tries again what was set aside: all at the start, which often follows a
// repair, and then each as it is due.
func (s *Service) retry(ctx context.Context) error {
	for due := s.book.Clock().Add(lastRest); ; due = s.book.Clock() {
		if err := s.retryDue(ctx, due); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "trying again what was set aside", "error", err)
		}
		if err := feed.Pause(ctx, look); err != nil {
			return err
		}
	}
}

// retryDue tries once what is due at that time. An outage ends it, since the next
// order would meet it too.
func (s *Service) retryDue(ctx context.Context, at time.Time) error {
	names, err := s.due(ctx, at)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := s.deliver(ctx, name)
		switch {
		case err == nil:
			err = s.unqueue(ctx, name)
		case !outage(err) && ctx.Err() == nil:
			err = s.setAside(ctx, name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// due returns some of the orders that are to be tried again.
func (s *Service) due(ctx context.Context, at time.Time) (names []string, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		for e, err := range tx.Scan(asideBucket, nil, nil) {
			if err != nil {
				return err
			}
			if !readAside(e.Value).next.After(at) {
				names = append(names, string(e.Key))
			}
			if len(names) == atOnce {
				return nil
			}
		}
		return nil
	})
	return names, err
}

// unqueue takes what is no longer on order from those that were set aside.
func (s *Service) unqueue(ctx context.Context, name string) error {
	return s.book.Store.Update(ctx, func(tx store.Tx) error {
		if _, there, err := store.Seek(tx, ordersBucket, []byte(name)); err != nil || there {
			return err
		}
		return tx.Delete(asideBucket, []byte(name))
	})
}

// forget leaves nothing of an order that is settled.
func (s *Service) forget(tx *change.Tx, name string) error {
	return errors.Join(tx.Delete(ordersBucket, []byte(name)), tx.Delete(asideBucket, []byte(name)))
}

// SetAside says how many orders are set aside; an error if that cannot be read.
func (s *Service) SetAside(ctx context.Context) (n uint64, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		for _, err := range tx.Scan(asideBucket, nil, nil) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}
