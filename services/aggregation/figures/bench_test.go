package figures_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

const (
	schools = 200
	run     = 1_000 // records, as a follower gets them
)

func school(n int) string { return fmt.Sprintf("units/school-%03d", n%schools) }

// step is a record as it is after a change on a day.
type step struct {
	name string
	at   time.Time
	body proto.Message
}

// year is what a year brings to so many matters: of five, three are problems that
// are put right, one is a task and one a complaint; each takes four steps.
func year(matters int) (steps []step) {
	for i := range matters {
		at := time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC).Add(time.Duration(i) * 365 * 24 * time.Hour / time.Duration(matters))
		for n := range 4 {
			s := step{at: at.AddDate(0, 0, n)}
			switch i % 5 {
			case 3:
				s.name, s.body = fmt.Sprint("campaigns/c/assignments/", i), task(i, n, at)
			case 4:
				s.name, s.body = fmt.Sprint("complaints/", i), complaint(i, n, at)
			default:
				s.name, s.body = fmt.Sprint("ledgers/l/problems/", i), problem(i, n, at)
			}
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	return steps
}

func stamp(at time.Time) *timestamppb.Timestamp { return timestamppb.New(at) }

func problem(i, n int, at time.Time) *rectificationv1.Problem {
	states := []rectificationv1.Problem_State{
		rectificationv1.Problem_STATE_IDENTIFIED, rectificationv1.Problem_STATE_RECTIFYING,
		rectificationv1.Problem_STATE_SUBMITTED, rectificationv1.Problem_STATE_CLOSED,
	}
	return &rectificationv1.Problem{
		Unit: school(i), Campaign: fmt.Sprint("campaigns/c", i%3), Category: fmt.Sprint("k", i%8), Source: rectificationv1.Problem_Source(1 + i%4),
		Accepted: i%3 > 0, State: states[n], CreateTime: stamp(at), CloseTime: stamp(at.AddDate(0, 0, n)), Deadline: civil(at.AddDate(0, 1, 0)),
	}
}

func task(i, n int, at time.Time) *campaignv1.Assignment {
	a := &campaignv1.Assignment{
		Unit: school(i), Campaign: fmt.Sprint("campaigns/c", i%3), DueDate: civil(at.AddDate(0, 0, 20)), State: campaignv1.Assignment_State(1 + n),
	}
	if n > 0 {
		a.ReceiveTime = stamp(at.AddDate(0, 0, 1))
	}
	if n > 1 {
		a.SubmitTime = stamp(at.AddDate(0, 0, 2))
	}
	return a
}

func complaint(i, n int, at time.Time) *complaintv1.Complaint {
	c := &complaintv1.Complaint{Unit: school(i), Type: complaintv1.Complaint_TYPE_COMPLAINT, State: complaintv1.Complaint_State(1 + n), CreateTime: stamp(at)}
	if n > 0 {
		c.AcceptTime = stamp(at.AddDate(0, 0, 1))
	}
	if n > 1 {
		c.ReplyTime = stamp(at.AddDate(0, 0, 2))
	}
	return c
}

// county is a store with a province, a city, ten districts and their schools.
func county(b *testing.B) store.Engine {
	engine, err := bolt.Open(filepath.Join(b.TempDir(), "figures.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	})
	folded(b, engine, func(f *figures.Fold) error {
		lies := [][2]string{{"units/province", ""}, {"units/city", "units/province"}}
		for i := range schools {
			district := fmt.Sprint("units/d", i%10)
			lies = append(lies, [2]string{district, "units/city"}, [2]string{school(i), district})
		}
		if err := f.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			return err
		}
		for _, l := range lies {
			if err := f.Unit(l[0], l[1]); err != nil {
				return err
			}
		}
		return nil
	})
	return engine
}

func folded(b *testing.B, engine store.Engine, do func(*figures.Fold) error) {
	err := engine.Update(b.Context(), func(tx store.Tx) error {
		f := figures.New(tx)
		if err := do(f); err != nil {
			return err
		}
		return f.Flush()
	})
	if err != nil {
		b.Fatal(err)
	}
}

func foldAll(b *testing.B, engine store.Engine, steps []step) {
	for part := range slices.Chunk(steps, run) {
		folded(b, engine, func(f *figures.Fold) error {
			for _, s := range part {
				if err := f.At(s.at); err != nil {
					return err
				}
				err := f.Record(s.name, func(before *aggregation.Fact, day string) aggregation.Fact {
					return aggregation.FactOf(s.body, before, day)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// BenchmarkFold folds the 20,000 changes of a year.
func BenchmarkFold(b *testing.B) {
	steps := year(5_000)
	for b.Loop() {
		b.StopTimer()
		engine := county(b)
		b.StartTimer()
		foldAll(b, engine, steps)
	}
	b.ReportMetric(float64(b.N*len(steps))/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkRead reads what a place in a ranking needs, and what a row of a status
// does.
func BenchmarkRead(b *testing.B) {
	engine := county(b)
	foldAll(b, engine, year(5_000))
	q := figures.Query{Unit: "units/city", Start: "2026-02-10", End: "2026-11-20", Today: "2026-11-20"}
	for name, sums := range map[string]aggregation.Set{
		"stock": aggregation.Sums(*aggregation.Define(aggregation.ProblemsOpen)),
		"ratio": aggregation.Sums(*aggregation.Define(aggregation.ProblemsClosingRate)),
		"all":   aggregation.Sums(aggregation.Definitions...),
	} {
		b.Run(name, func(b *testing.B) {
			err := engine.View(b.Context(), func(tx store.Tx) (err error) {
				for b.Loop() {
					if _, err = figures.Read(tx, q, sums); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
