package server_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/internal/store"
)

// What an installation below signs and no service writes is not counted: its log waits, and
// the process and all that was counted before go on.
func TestWhatNoServiceWritesIsNotCounted(t *testing.T) {
	for name, body := range map[string]proto.Message{
		"no day":                 &rectificationv1.Problem{Deadline: "x"},
		"a day that is none":     &rectificationv1.Problem{Deadline: "2026-13-77"},
		"a day of no year":       &rectificationv1.Problem{Deadline: "0001-01-01"},
		"a day to file by":       &rectificationv1.Ledger{FilingDueDate: "soon"},
		"a day within":           &complaintv1.Complaint{DecideDue: &complaintv1.Due{Date: "1"}},
		"returns without number": &rectificationv1.Problem{Returns: math.MinInt32},
		"reopened without end":   &rectificationv1.Problem{Reopens: math.MaxInt32},
		"returned without end":   &campaignv1.Assignment{Returns: math.MaxInt32},
		"a time that is none":    &rectificationv1.Problem{CreateTime: &timestamppb.Timestamp{Seconds: math.MinInt64}},
		"a time of no year":      &rectificationv1.Problem{CreateTime: timestamppb.New(time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC))},
		"a campaign in parts":    &rectificationv1.Problem{Campaign: "campaigns/x\x00y\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJoined(t, nil)
			defer j.close()
			j.append(belowFeed, "ledgers/l/problems/1", &rectificationv1.Problem{Unit: "units/a", Deadline: "2026-02-01", CreateTime: j.stamp()})
			j.countBelow(belowFeed, 1)
			set(body, "unit", "units/a")
			j.append(belowFeed, "ledgers/l/problems/2", body)
			if err := j.tryBelow(); !errors.Is(err, count.ErrUncountable) {
				t.Errorf("counting it answers %v", err)
			}
			j.feeds[belowFeed] = j.feeds[belowFeed][:1]
			j.recounts()
		})
	}
}

// An effect at a moment that figures cannot keep is not counted either.
func TestAnEffectAtNoMomentIsNotCounted(t *testing.T) {
	j := newJoined(t, nil)
	defer j.close()
	j.append(belowFeed, "ledgers/l/problems/1", &rectificationv1.Problem{Unit: "units/a"})
	j.feeds[belowFeed][0].Effective = timestamppb.New(time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC))
	if err := j.tryBelow(); !errors.Is(err, count.ErrUncountable) {
		t.Errorf("counting it answers %v", err)
	}
}

// set sets a field of a message to a string.
func set(m proto.Message, field, to string) {
	r := m.ProtoReflect()
	r.Set(r.Descriptor().Fields().ByName(protoreflect.Name(field)), protoreflect.ValueOfString(to))
}

// tryBelow counts what is left of the feed from below, which may not be.
func (j *joined) tryBelow() error {
	j.count("federation", len(j.feeds["federation"]))
	source := count.Source{Feed: belowFeed, Installation: belowName, Root: "units/a"}
	return j.stores["aggregation"].Update(j.t.Context(), func(tx store.Tx) error {
		return source.Count(tx, j.feeds[belowFeed][j.counted[belowFeed]:])
	})
}

// recounts holds all that is kept against the feeds.
func (j *joined) recounts() {
	j.t.Helper()
	if err := recount.Check(j.t.Context(), j.stores["aggregation"], j.settleBelow()); err != nil {
		j.t.Fatal(err)
	}
}

// Whose units are where only this installation's own feeds tell: what a log of another
// service below says of it changes nothing, neither here nor when it is counted anew.
func TestNobodyBelowSpeaksOfTheTree(t *testing.T) {
	for name, body := range map[string]proto.Message{
		"takes a sibling": &federationv1.RemoteUnit{
			Name: "remoteUnits/b1", Installation: belowName, Unit: &organizationv1.Unit{Name: "units/b1", Parent: "units/a"},
			EffectiveTime: timestamppb.New(time.Date(2025, 12, 20, 3, 0, 0, 0, time.UTC)),
		},
		"cuts a sibling off": &organizationv1.Unit{Name: "units/b"},
		"claims a new unit":  &federationv1.RemoteUnit{Name: "remoteUnits/new", Installation: belowName},
		"refuses a unit":     &federationv1.RefusedUnit{Name: "installations/510200/refusedUnits/x", Unit: "units/x"},
		"enrols itself":      &federationv1.Installation{Name: belowName, Unit: "units/b"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJoined(t, nil)
			defer j.close()
			for _, unit := range []string{"units/b1", "units/b"} {
				j.append("rectification", "ledgers/s/problems/"+unit[6:], &rectificationv1.Problem{Unit: unit, CreateTime: j.stamp()})
			}
			j.settle()
			before := j.tree()
			j.append(belowFeed, "whatever", body)
			j.countBelow(belowFeed, 1)
			j.append(belowID+".federation", "whatever", body)
			if after := j.tree(); after != before {
				t.Errorf("the tree was %s and is %s", before, after)
			}
			j.recounts()
		})
	}
}

// tree is all that is kept of who lies where and whose it is.
func (j *joined) tree() (all string) {
	j.update(func(tx store.Tx) error {
		for _, bucket := range []string{"figures.tree", "figures.owners", "figures.refused"} {
			for kv, err := range tx.Scan(bucket, nil, nil) {
				if err != nil {
					return err
				}
				all += string(kv.Key) + "=" + string(kv.Value) + ";"
			}
		}
		return nil
	})
	return all
}

// A panic while a log from below is counted is that log's trouble.
func TestAPanicBelowStopsNobody(t *testing.T) {
	source := count.Source{Feed: belowFeed, Installation: belowName, Root: "units/a"}
	if err := source.Count(nil, nil); !errors.Is(err, count.ErrUncountable) {
		t.Errorf("counting in no transaction answers %v", err)
	}
}

// Whose root a unit was stays so when another installation is enrolled for it: what the first
// one told counts on, here and when it is counted anew.
func TestASecondInstallationOfAUnit(t *testing.T) {
	j := newJoined(t, nil)
	defer j.close()
	j.append(belowFeed, "ledgers/l/problems/1", &rectificationv1.Problem{Unit: "units/a", CreateTime: j.stamp(), Deadline: "2026-02-01"})
	j.append(belowFeed, "ledgers/l/problems/2", &rectificationv1.Problem{Unit: "units/a1", CreateTime: j.stamp()})
	j.append("federation", "installations/510901", &federationv1.Installation{Name: "installations/510901", Unit: "units/a"})
	j.recounts()
}
