// Package tally tells what one record counts, from its newest version and what was
// known of it before: in which metrics, on which days, and what is owed by it. It
// knows one record alone: package recount takes the feeds in, package sum adds up.
// It shares no code with the rules in package aggregation, which tell the same.
package tally

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Where is whose figures something is in: names of resources, and a source of
// problems; empty if there is none.
type Where struct {
	Unit, Campaign, Category, Source string
	// Accepted says that a superior has accepted it.
	Accepted bool
}

// String says where, for errors.
func (w Where) String() string {
	return fmt.Sprintf("%q, accepted: %t", []string{w.Unit, w.Campaign, w.Category, w.Source}, w.Accepted)
}

// What is where and how something counts.
type What struct {
	Where
	Metric string
}

// Count is a metric, and the day on which it counts; "" of what stands.
type Count struct{ Metric, Day string }

// Record is what one record counts. The zero Record counts nothing.
type Record struct {
	At     Where
	Stands []string        // the metrics of which it is part of the stock
	Came   map[Count]int64 // flows
	Due    map[Count]int64 // what is open, by due date
	Owes   string          // since when it is owed, or ""
	Score  *Score          // what a round gave, or nil

	returned, reopened  []string // the days on which it was
	filed, acknowledged string   // the first day on which it was
	cancelled, replied  string
	rejected            string
}

// Score is what a round gave a unit, and the day on which it was published.
type Score struct {
	Unit, Day   string
	Milli, Rank int64
}

// String says what a round gave.
func (s *Score) String() string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%s %d %d", s.Day, s.Milli, s.Rank)
}

// Zone is China's.
var Zone = time.FixedZone("", 8*3600)

// Day is the civil day of a moment, or "".
func Day(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().In(Zone).Format("2006-01-02")
}

// Of is what a record counts by its newest version, which it had since a day, and
// by what was known of it before; nil of a kind that does not count.
func Of(body proto.Message, old *Record, day string) *Record {
	switch b := body.(type) {
	case *rectificationv1.Problem:
		return problem(b, old, day)
	case *rectificationv1.Ledger:
		return ledger(b, old, day)
	case *rectificationv1.Inspection:
		r := fresh(b.GetUnit(), b.GetCampaign())
		if b.GetState() == rectificationv1.Inspection_STATE_CONCLUDED {
			r.come("inspections_concluded", Day(b.GetConcludeTime()))
		}
		return r
	case *campaignv1.Assignment:
		return assignment(b, old, day)
	case *complaintv1.Complaint:
		return complaint(b, old, day)
	case *evaluationv1.Round:
		r := fresh(b.GetOwner(), "")
		if b.GetState() == evaluationv1.Round_STATE_PUBLISHED {
			r.come("rounds_published", Day(b.GetPublishTime()))
		}
		return r
	case *evaluationv1.Result:
		r := fresh(b.GetUnit(), "")
		if b.GetPublishTime() != nil && b.CompositeMilli != nil {
			r.Score = &Score{b.GetUnit(), Day(b.GetPublishTime()), b.GetCompositeMilli(), int64(b.GetRank())}
		}
		return r
	default:
		return nil
	}
}

func fresh(unit, campaign string) *Record {
	return &Record{At: Where{Unit: unit, Campaign: campaign, Accepted: true}, Came: map[Count]int64{}, Due: map[Count]int64{}}
}

// come counts 1 of a flow, if there is a day.
func (r *Record) come(metric, day string) {
	if day != "" {
		r.Came[Count{metric, day}]++
	}
}

// open counts 1 that is due, if there is a day.
func (r *Record) open(metric, day string) {
	if day != "" {
		r.Due[Count{metric, day}]++
	}
}

// log brings a list of days to the length n.
func log(days []string, n int32, day string) (list []string) {
	if int(n) >= len(days) {
		list = append(list, days...)
	}
	for len(list) < int(n) {
		list = append(list, day)
	}
	return list
}

func first(day, otherwise string) string {
	if day != "" {
		return day
	}
	return otherwise
}

// spared says whether an end came before the day by which something was due; "" is none.
func spared(day, end string) bool { return end != "" && end < day }
