package urging

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

const (
	told = 31    // days ago something may have been urged that is handed on
	most = 1_000 // how much of it is
)

// ListUrges implements the RPC. Who urged is nobody's business below: by the right of which
// unit is.
func (u *Urging) ListUrges(ctx context.Context, req *aggregationv1.ListUrgesRequest) (res *aggregationv1.ListUrgesResponse, err error) {
	err = u.book.View(ctx, func(tx *change.Tx) error {
		tx.Trusted("federation hands it to whose units they are")
		res = &aggregationv1.ListUrgesResponse{}
		for days := range told {
			for urge, err := range u.urges.Lookup(tx, "urge_date", calendar.On(tx.Now).AddDays(-days).String(), "") {
				if err != nil {
					return err
				}
				if !worklist.Below(&worklist.Item{Subject: urge.GetSubject()}) || !slices.Contains(u.directory.Path(urge.GetUnit()), req.GetUnit()) {
					continue
				}
				if len(res.GetUrges()) == most {
					return nil
				}
				urge = proto.CloneOf(urge)
				urge.Urger = ""
				res.Urges = append(res.Urges, urge)
			}
		}
		return nil
	})
	return res, err
}

// TakeUrges implements the RPC. What is of an installation further down is kept to be handed
// on to it.
func (u *Urging) TakeUrges(ctx context.Context, req *aggregationv1.TakeUrgesRequest) (*aggregationv1.TakeUrgesResponse, error) {
	if err := u.directory.CatchUp(ctx); err != nil {
		return nil, err
	}
	return &aggregationv1.TakeUrgesResponse{}, u.book.Own(ctx, "aggregation", func(tx *change.Tx) error {
		for _, said := range req.GetUrges() {
			if err := u.take(tx, said); err != nil {
				return err
			}
		}
		return nil
	})
}

// take keeps what was urged above, unless that is known, or awaits the unit no more.
func (u *Urging) take(tx *change.Tx, said *aggregationv1.Urge) error {
	subject := u.here(said.GetSubject())
	item, err := u.awaited(tx, said.GetUnit(), subject, said.GetAction())
	if err != nil {
		return err
	}
	before, err := u.urges.Seek(tx, aggregation.UrgeName(said.GetUnit(), subject, said.GetAction()))
	if err != nil {
		return err
	}
	if urge := aggregation.UrgedAbove(before, item, said, u.book.Today()); urge != nil {
		_, err = u.urges.PutAs(tx, "work_item.urged", urge)
	}
	return err
}

// here is the name here of what is of an installation below by its name above: there it is
// known by its unit too, here it is this one, or may be enrolled here.
func (u *Urging) here(subject string) string {
	subject = strings.TrimPrefix(subject, u.Home+"/")
	named, rest, _ := strings.Cut(strings.TrimPrefix(subject, "installations/"), "/")
	id, unit, further := strings.Cut(named, "~")
	switch name := "installations/" + id; {
	case !further:
		return subject
	case name == u.Home && "units/"+unit == u.directory.Root():
		return rest
	case name == u.directory.Installation("units/"+unit):
		return name + "/" + rest
	default:
		return subject
	}
}
