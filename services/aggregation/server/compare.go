package server

import (
	"context"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/page"
)

// place is where a unit stands in a ranking.
type place = aggregationv1.CompareStatusResponse_Place

// CompareStatus implements the RPC.
func (s *Service) CompareStatus(ctx context.Context, req *aggregationv1.CompareStatusRequest) (*aggregationv1.CompareStatusResponse, error) {
	d, err := aggregation.Find(req.GetMetric())
	if err != nil {
		return nil, err
	}
	last, err := s.lastPlace(req)
	if err != nil {
		return nil, err
	}
	places, day, err := s.ranked(ctx, d, req)
	if err != nil {
		return nil, err
	}
	answer, err := s.pageOf(aggregation.Behind(d, places, last), req)
	if err == nil && d.Overdue() {
		answer.OverdueDate = day
	}
	return answer, err
}

// lastPlace is the one with which the page before ended; without one, it stands
// before all others.
func (s *Service) lastPlace(req *aggregationv1.CompareStatusRequest) (*place, error) {
	last := &place{}
	cursor, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	return last, proto.Unmarshal([]byte(cursor), last)
}

// pageOf is the beginning of places. What orders its last place is the token.
func (s *Service) pageOf(places []*place, req *aggregationv1.CompareStatusRequest) (*aggregationv1.CompareStatusResponse, error) {
	size, room := 0, page.Room{}
	for size < min(len(places), page.Size(req.GetPageSize())) && room.Takes(places[size]) {
		size++
	}
	if size == len(places) {
		return &aggregationv1.CompareStatusResponse{Places: places}, nil
	}
	last := places[size-1]
	cursor, err := proto.Marshal(&place{Unit: last.GetUnit(), Class: last.GetClass(), Figure: last.GetFigure(), Gone: last.GetGone()})
	if err != nil {
		return nil, err
	}
	return &aggregationv1.CompareStatusResponse{Places: places[:size], NextPageToken: s.book.Tokens.Encode(string(cursor), req)}, nil
}

// ranked are the units beneath in the order of their ranks, and the day of which what is
// overdue is.
func (s *Service) ranked(ctx context.Context, d *aggregation.Definition, req *aggregationv1.CompareStatusRequest) (places []*place, day string, err error) {
	err = s.look(ctx, req, func(v *view) error {
		day = v.query.Today
		places, err = v.places(d, req.GetLabel())
		return err
	})
	if err != nil {
		return nil, "", err
	}
	aggregation.Rank(d, places)
	return places, day, nil
}

// places are the units beneath with their figures, not yet ranked.
func (v *view) places(d *aggregation.Definition, label string) ([]*place, error) {
	names := v.units()
	if err := aggregation.Comparable(len(names)); err != nil {
		return nil, err
	}
	places, end := make([]*place, len(names)), v.query.End
	if d.Overdue() {
		end = v.query.Today
	}
	for i, name := range names {
		list, err := v.figures(v.beneath(name), *d)
		if err != nil {
			return nil, err
		}
		u := v.directory.Unit(name)
		class := u.GetKind().String()
		if label != "" {
			class += "/" + u.GetLabels()[label]
		}
		places[i] = &place{Unit: name, DisplayName: u.GetDisplayName(), Class: class, Figure: list[0], Gone: v.gone(name, end)}
	}
	return places, nil
}
