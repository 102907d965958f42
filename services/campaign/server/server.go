// Package server serves CampaignService: it finds campaigns and assignments,
// asks package campaign what should become of them, and stores that. The tree of
// units comes from the directory, files lie with package attachment.
package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/announced"
	"github.com/duban-project/duban/services/internal/archived"
	"github.com/duban-project/duban/services/internal/attachment"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// Tree is the tree of units as it is.
type Tree interface {
	// Unit returns the unit, or nil.
	Unit(name string) *organizationv1.Unit
	// Path returns the unit and those above it, nearest first; nil if there is no
	// such unit.
	Path(name string) []string
	// PathAt is Path as it was at t; nil if there was no such unit then.
	PathAt(name string, t time.Time) []string
	// Heir returns the unit that the unit was merged into (撤并), or the unit itself.
	Heir(name string) string
	// Joined returns the units beneath the unit that did not lie there at t: the
	// topmost of what was moved or merged there since.
	Joined(name string, t time.Time) []string
	// Serves returns the units that the member serves in on a day YYYY-MM-DD.
	Serves(member, day string) []string
	// Subtree returns the unit and all beneath it, parents before children.
	Subtree(name string) []string
}

// Service implements CampaignService.
type Service struct {
	campaignv1.UnimplementedCampaignServiceServer

	book         *change.Book
	tree         Tree
	installation string
	templates    []*campaign.Template
	archived     *archived.Units
	announced    announced.Days[*campaignv1.Assignment]
	days         *calendar.Calendar
	campaigns    change.Kind[*campaignv1.Campaign]
	assignments  change.Kind[*campaignv1.Assignment]
	files        *attachment.Attachments
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Indexes: map[string][]string{
		"duban.campaign.v1.Campaign":   {"owner"},
		"duban.campaign.v1.Assignment": {"unit"},
	},
	Buckets: []string{announced.Bucket("campaign"), archived.Bucket("campaign")},
	Forms:   map[string]store.Form{announced.Bucket("campaign"): announced.Form, archived.Bucket("campaign"): archived.Form},
}

// New returns the service that writes in book, of the installation of that name,
// such as installations/510104. Of units that are archived it hears by feeds; the days
// are those by which what is returned is submitted again. It fails if a template that
// ships with it is broken.
func New(book *change.Book, tree Tree, installation string, feeds feedv1.FeedServiceClient, days *calendar.Calendar) (*Service, error) {
	templates, err := campaign.Shipped()
	if err != nil {
		return nil, err
	}
	s := &Service{book: book, tree: tree, installation: installation, templates: templates, days: days}
	s.archived = &archived.Units{Service: "campaign", Book: book, Feeds: feeds, Tell: s.abandon}
	s.campaigns = change.Kind[*campaignv1.Campaign]{
		Book: book,
		Unit: (*campaignv1.Campaign).GetOwner,
		May:  s.mayCampaign,
	}
	s.assignments = change.Kind[*campaignv1.Assignment]{
		Book: book,
		Unit: (*campaignv1.Assignment).GetUnit,
	}
	s.announced = announced.Days[*campaignv1.Assignment]{
		Service: "campaign", Kind: &s.assignments, Event: "assignment.recounted", Calendar: days, Recount: campaign.Recount,
	}
	s.files = attachment.New(book, attachment.Parent{Reach: s.assignments.ReachInside, Accept: s.takesFiles})
	return s, nil
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) { campaignv1.RegisterCampaignServiceServer(r, s) }

// land returns the unit and all beneath it.
func (s *Service) land(unit string) campaign.Land { return s.units(s.tree.Subtree(unit)) }

func (s *Service) units(names []string) (units campaign.Land) {
	for _, name := range names {
		units = append(units, s.tree.Unit(name))
	}
	return units
}

// takesFiles says whether the assignment takes another file.
func (s *Service) takesFiles(tx *change.Tx, name string) error {
	a, err := s.assignments.Find(tx, name)
	if err != nil {
		return err
	}
	c, err := s.campaigns.Find(tx, a.GetCampaign())
	if err != nil {
		return err
	}
	return campaign.TakesFiles(c, a)
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
