// Package server serves RectificationService: it finds ledgers, problems and
// inspections, asks package rectification what should become of them, and stores
// that. Campaigns it asks the campaign service for, before the transaction; the
// tree it is given.
package server

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/announced"
	"github.com/duban-project/duban/services/internal/archived"
	"github.com/duban-project/duban/services/internal/attachment"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/rectification"
)

// Units answers for the tree as it is.
type Units interface {
	// Unit returns the unit, or nil. It MUST NOT be changed.
	Unit(name string) *organizationv1.Unit
	// Heir returns the unit that the unit was merged into, or the unit itself.
	Heir(unit string) string
	// Office returns the post by which the member is in office on a day YYYY-MM-DD in the
	// body that the unit is, is an organ of or was merged into, or nil.
	Office(member, unit, day string) *organizationv1.Post
	// Holders returns the principals that hold the role on exactly the unit.
	Holders(unit string, role accessv1.Role) []string
	// Land returns the unit and all beneath it as they were at t, parents before
	// children, once it knows all that was entered before now.
	Land(ctx context.Context, unit string, t time.Time) ([]*organizationv1.Unit, error)
}

// Service implements RectificationService.
type Service struct {
	rectificationv1.UnimplementedRectificationServiceServer

	book      *change.Book
	campaigns Campaigns
	feeds     feedv1.FeedServiceClient
	units     Units
	days      *calendar.Calendar
	archived  *archived.Units
	announced announced.Days[*rectificationv1.Ledger]

	ledgers     change.Kind[*rectificationv1.Ledger]
	versions    change.Kind[*rectificationv1.LedgerVersion]
	contents    change.Kind[*rectificationv1.FiledProblem]
	problems    change.Kind[*rectificationv1.Problem]
	inspections change.Kind[*rectificationv1.Inspection]
	files       *attachment.Attachments
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Indexes: map[string][]string{
		"duban.rectification.v1.Ledger":     {"unit", "campaign"},
		"duban.rectification.v1.Problem":    {"unit", "campaign"},
		"duban.rectification.v1.Inspection": {"unit"},
	},
	Buckets: []string{announced.Bucket("rectification"), archived.Bucket("rectification"), closedBucket, cursorsBucket},
	Forms: map[string]store.Form{
		announced.Bucket("rectification"): announced.Form, archived.Bucket("rectification"): archived.Form, closedBucket: archived.Days("campaigns/"),
	},
}

// New returns the service that writes in book. Of campaigns that are published or
// closed, and of units that are archived, it hears by feeds.
func New(book *change.Book, campaigns Campaigns, feeds feedv1.FeedServiceClient, units Units, days *calendar.Calendar) *Service {
	s := &Service{book: book, campaigns: campaigns, feeds: feeds, units: units, days: days}
	s.archived = &archived.Units{Service: "rectification", Book: book, Feeds: feeds, Tell: s.abandon}
	s.ledgers = change.Kind[*rectificationv1.Ledger]{
		Book: book, Unit: (*rectificationv1.Ledger).GetUnit,
	}
	s.announced = announced.Days[*rectificationv1.Ledger]{
		Service: "rectification", Kind: &s.ledgers, Event: "ledger.recounted", Calendar: days, Recount: rectification.Recount,
	}
	s.versions = change.Kind[*rectificationv1.LedgerVersion]{Book: book, Unit: (*rectificationv1.LedgerVersion).GetUnit}
	s.contents = change.Kind[*rectificationv1.FiledProblem]{
		Book: book, Unit: (*rectificationv1.FiledProblem).GetUnit,
		May: func(tx *change.Tx, f *rectificationv1.FiledProblem) error { return tx.Check(f.GetUnit()) }, // of a version that was reached
	}
	s.problems = change.Kind[*rectificationv1.Problem]{
		Book: book, Unit: (*rectificationv1.Problem).GetUnit,
	}
	s.inspections = change.Kind[*rectificationv1.Inspection]{
		Book: book, Unit: (*rectificationv1.Inspection).GetUnit, May: mayInspection,
		Show: func(tx *change.Tx, i *rectificationv1.Inspection) (*rectificationv1.Inspection, error) {
			return shown(tx, i), nil
		},
	}
	s.files = attachment.New(book, attachment.Parent{Reach: s.problems.ReachInside, Accept: s.acceptFile, Note: s.noteFile})
	return s
}

// owned is a record of a unit, perhaps in a campaign.
type owned interface {
	change.Record
	GetUnit() string
	GetCampaign() string
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	rectificationv1.RegisterRectificationServiceServer(r, s)
}

// Campaigns answers for campaigns; it is the seam to the campaign service.
type Campaigns interface {
	// Campaign returns the campaign of that name, or an error that is
	// authz.ErrNotFound if there is none.
	Campaign(ctx context.Context, name string) (*campaignv1.Campaign, error)
}

// Remote asks the campaign service for whoever calls this one, so that a campaign
// that the caller may not see is as if it were not there; without a caller it
// asks in this service's own name.
type Remote struct {
	Client campaignv1.CampaignServiceClient
}

// Campaign implements Campaigns.
func (r Remote) Campaign(ctx context.Context, name string) (*campaignv1.Campaign, error) {
	return r.Client.GetCampaign(authn.Forward(ctx), &campaignv1.GetCampaignRequest{Name: name})
}

// ledgerOf is the ledger that a problem or a version stands in.
func ledgerOf(name string) string {
	parts := strings.SplitN(name, "/", 3)
	return parts[0] + "/" + parts[1]
}

// CreateAttachment implements the RPC.
func (s *Service) CreateAttachment(ctx context.Context, req *blobv1.CreateAttachmentRequest) (*blobv1.Attachment, error) {
	return s.files.Create(ctx, req)
}

// ListAttachments implements the RPC.
func (s *Service) ListAttachments(ctx context.Context, req *blobv1.ListAttachmentsRequest) (*blobv1.ListAttachmentsResponse, error) {
	return s.files.List(ctx, req)
}

// GetAttachment implements the RPC.
func (s *Service) GetAttachment(ctx context.Context, req *blobv1.GetAttachmentRequest) (*blobv1.GetAttachmentResponse, error) {
	return s.files.Get(ctx, req)
}
