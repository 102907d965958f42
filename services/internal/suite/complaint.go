package suite

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"time"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	complaintrules "github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/complaint/envelope"
	complaintserver "github.com/duban-project/duban/services/complaint/server"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/network"
	"github.com/duban-project/duban/services/internal/serve"
)

// What the public may file without a key: of each network, behind which a whole
// school may sit, and of all together. What is validated only is counted apart.
var (
	filedByEach = network.Limit{Rate: 0.1, Burst: 20}
	filedByAll  = network.Limit{Rate: 20, Burst: 400}
	triedByEach = network.Limit{Rate: 1, Burst: 60}
	triedByAll  = network.Limit{Rate: 50, Burst: 500}
)

// admission is what the public may file, and what it may try.
func admission() func(from string, validateOnly bool, now time.Time) bool {
	filed, tried := network.NewGate(filedByEach, filedByAll), network.NewGate(triedByEach, triedByAll)
	return func(from string, validateOnly bool, now time.Time) bool {
		if validateOnly {
			return tried.Admit(from, now)
		}
		return filed.Admit(from, now)
	}
}

func complaint(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	own := s.secrets["complaint"]
	custody, err := envelope.NewBox(own.Derive("complaint custody"))
	if err != nil {
		return nil, err
	}
	pepper := own.Derive("complaint receipts")
	self := s.Conn("complaint")
	service := complaintserver.New(book, complaintserver.Parts{
		Tree:    s.directory,
		Desks:   envelope.Desks{Secret: func(desk string) []byte { return own.Derive("complaint desk " + desk) }},
		Custody: custody.Slot,
		Receipt: func(code string) []byte {
			mac := hmac.New(sha256.New, pepper)
			mac.Write([]byte(code))
			return mac.Sum(nil)
		},
		Packs: complaintrules.BuiltinPacks(), Days: s.days,
		Admit:   admission(),
		Ledgers: complaintserver.Rectification{Client: rectificationv1.NewRectificationServiceClient(self)},
		Feed:    feedv1.NewFeedServiceClient(self),
		Self:    complaintv1.NewComplaintServiceClient(self),
	})
	return service, s.telemetry.SetAside("complaint", counted(service.SetAside))
}
