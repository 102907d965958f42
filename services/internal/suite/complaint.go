package suite

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"golang.org/x/time/rate"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	complaintrules "github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/complaint/envelope"
	complaintserver "github.com/duban-project/duban/services/complaint/server"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/serve"
)

// What the public may file in all, without a key.
const (
	publicComplaints = 1  // a second
	publicBurst      = 60 // at once
)

func complaint(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	own := s.secrets["complaint"]
	custody, err := envelope.NewBox(own.derive("complaint custody"))
	if err != nil {
		return nil, err
	}
	pepper := own.derive("complaint receipts")
	public := rate.NewLimiter(publicComplaints, publicBurst)
	self := s.Conn("complaint")
	return complaintserver.New(book, complaintserver.Parts{
		Tree:    s.directory,
		Desks:   envelope.Desks{Secret: func(desk string) []byte { return own.derive("complaint desk " + desk) }},
		Custody: custody.Slot,
		Receipt: func(code string) []byte {
			mac := hmac.New(sha256.New, pepper)
			mac.Write([]byte(code))
			return mac.Sum(nil)
		},
		Packs: complaintrules.BuiltinPacks(), Days: calendar.Builtin(),
		Admit:   func(now time.Time) bool { return public.AllowN(now, 1) },
		Ledgers: complaintserver.Rectification{Client: rectificationv1.NewRectificationServiceClient(self)},
		Feed:    feedv1.NewFeedServiceClient(self),
		Self:    complaintv1.NewComplaintServiceClient(self),
	}), nil
}
