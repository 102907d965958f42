package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
)

var errRateLimited = fault.Of(faultv1.Reason_REASON_RATE_LIMITED)

// filing is what both ways of intake ask for.
type filing interface {
	change.Request
	GetComplaint() *complaintv1.Complaint
	GetComplainant() *complaintv1.Complainant
}

// CreateComplaint implements the RPC.
func (s *Service) CreateComplaint(ctx context.Context, req *complaintv1.CreateComplaintRequest) (*complaintv1.CreateComplaintResponse, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*complaintv1.CreateComplaintResponse, error) {
		in := complaint.Intake{Unit: req.GetIntake(), Machine: !tx.Access.Principal.Person()}
		c, receipt, err := s.receive(tx, req, in)
		return &complaintv1.CreateComplaintResponse{Complaint: c, Receipt: receipt}, err
	}, change.In(req.GetIntake()), change.CatchUp())
}

// SubmitComplaint implements the RPC.
func (s *Service) SubmitComplaint(ctx context.Context, req *complaintv1.SubmitComplaintRequest) (*complaintv1.SubmitComplaintResponse, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*complaintv1.SubmitComplaintResponse, error) {
		tx.Trusted("anyone may complain")
		c, receipt, err := s.receive(tx, req, complaint.Intake{})
		return &complaintv1.SubmitComplaintResponse{Desk: c.GetDesk(), Receipt: receipt}, err
	}, change.Before(func(ctx context.Context) error { return s.admitted(ctx, req) }), change.CatchUp())
}

// again is after how long a network that filed too much may file once more.
const again = 10 * time.Second

// admitted says whether the public may file one more complaint now.
func (s *Service) admitted(ctx context.Context, req change.Request) error {
	if !s.Admit(authn.Network(ctx), req.GetValidateOnly(), s.book.Clock()) {
		return errRateLimited.After(again)
	}
	return nil
}

// receive routes and stores a complaint, and returns it as it lies in the open,
// with its receipt. Of what is refused nothing is kept.
func (s *Service) receive(tx *change.Tx, req filing, in complaint.Intake) (*complaintv1.Complaint, string, error) {
	c, err := s.taken(tx, req, in)
	if err != nil {
		return nil, "", err
	}
	if c.GetSealed() {
		tx.Veil() // who took it in is of its content
	}
	c.Digests = &complaintv1.Digests{}
	if c.Digests.Identity, err = s.keepIdentity(tx, c.GetName(), req.GetComplainant()); err != nil {
		return nil, "", err
	}
	receipt, digest, err := s.giveReceipt(tx, c.GetName())
	if err != nil {
		return nil, "", err
	}
	c.Digests.Receipt = digest
	open, err := s.part(tx, c)
	if err != nil {
		return nil, "", err
	}
	if open, err = s.cases.Put(tx, open); err != nil {
		return nil, "", err
	}
	return complaint.Shown(open), receipt, nil
}

// taken is the complaint as it comes in, at its desk and with its time limits.
func (s *Service) taken(tx *change.Tx, req filing, in complaint.Intake) (*complaintv1.Complaint, error) {
	in.RealName = req.GetComplainant().GetName() != ""
	desk, err := s.desk(tx, req.GetComplaint())
	if err != nil {
		return nil, err
	}
	c, err := complaint.New("complaints/"+tx.NewID(), req.GetComplaint(), in, desk)
	if err != nil {
		return nil, err
	}
	return s.Packs.Set(c, s.Days, calendar.On(tx.Now), calendar.Date{})
}

// desk routes a complaint. Who takes in a sealed case must have no part in it.
func (s *Service) desk(tx *change.Tx, c *complaintv1.Complaint) (string, error) {
	if s.bench.active(c.GetUnit()) == nil {
		return "", s.unknown(c.GetUnit())
	}
	desk, err := complaint.Desk(c, s.bench)
	switch {
	case errors.Is(err, complaint.ErrNobodyHears):
		return "", complaint.ErrNobodyHears.With("channel", s.called(s.Tree.Root()))
	case err != nil:
		return "", err
	case complaint.TakeIn(c, tx.Access.Principal.Name, s.bench) != nil:
		return "", complaint.ErrTakerInvolved.With("channel", s.called(desk))
	}
	return desk, nil
}

// unknown is the refusal of a unit that gets no new cases, and says which one it was merged
// into: names of units are public, and whoever complains is to know about whom to.
func (s *Service) unknown(unit string) error {
	heir := s.Tree.Heir(unit)
	if heir == unit || s.bench.active(heir) == nil {
		return complaint.ErrUnitUnknown.At("complaint.unit", "单位不存在或已撤并", "is not an active unit")
	}
	called := s.called(heir) + " (" + heir + ")"
	return complaint.ErrUnitUnknown.At("complaint.unit", "已并入 "+called+"，请填写该单位", "was merged into "+called+": name that unit")
}

// called is what people call the unit.
func (s *Service) called(unit string) string { return s.Tree.Unit(unit).GetDisplayName() }

// keepIdentity stores who complained, encrypted for custody, and returns its digest;
// nil if nobody said who.
func (s *Service) keepIdentity(tx *change.Tx, name string, who *complaintv1.Complainant) (digest []byte, err error) {
	if who.GetName() == "" && who.GetContact() == "" {
		return nil, nil
	}
	plain, err := deterministic.Marshal(who)
	if err != nil {
		return nil, fmt.Errorf("encoding an identity: %w", err)
	}
	sealed, err := s.Custody.Seal("identity of "+name, plain)
	if err != nil {
		return nil, err
	}
	return keep(tx, complaint.Row{Bucket: identitiesBucket, Key: []byte(name), Value: sealed})
}

// giveReceipt makes the code by which the complainant follows the case, and returns
// the digest of what leads from it to the case.
func (s *Service) giveReceipt(tx *change.Tx, name string) (receipt string, digest []byte, err error) {
	n, err := rand.Int(rand.Reader, complaint.Codes)
	if err != nil {
		return "", nil, fmt.Errorf("drawing a receipt: %w", err)
	}
	receipt = complaint.Receipt(n)
	code, _ := complaint.ReadReceipt(receipt)
	digest, err = keep(tx, complaint.Row{Bucket: receiptsBucket, Key: s.Receipt(code), Value: []byte(name)})
	return receipt, digest, err
}
