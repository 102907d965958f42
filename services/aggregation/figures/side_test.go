package figures_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/store"
)

// TestWhatChangesLiesSideBySide: when units put off what is due, nothing that stays as
// it was lies between the rows that change, whatever the store has: they are on few
// pages.
func TestWhatChangesLiesSideBySide(t *testing.T) {
	w := newWorkshop(t)
	due := func(day, deadline string) {
		w.fold(day, func(f *figures.Fold) error {
			for _, unit := range []string{"units/a", "units/b"} {
				p := &rectificationv1.Problem{
					Unit: unit, Category: "WEAK", Source: rectificationv1.Problem_SOURCE_SELF_CHECK, State: rectificationv1.Problem_STATE_RECTIFYING,
					CreateTime: timestamppb.New(w.noon("2026-02-01")), Deadline: deadline,
				}
				err := f.Record("ledgers/l/problems/"+unit, func(before *aggregation.Fact, day string) aggregation.Fact {
					return aggregation.FactOf(p, before, day)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i := range 9 {
		due(fmt.Sprintf("2026-02-%02d", i+1), fmt.Sprintf("2026-06-%02d", i+1))
	}
	buckets := []string{"figures", "figures.known"}
	var before []map[string]string
	for _, bucket := range buckets {
		before = append(before, w.rows(bucket))
	}
	due("2026-02-20", "2026-07-01")
	for i, bucket := range buckets {
		after := w.rows(bucket)
		touched := func(key string) bool { return before[i][key] != after[key] }
		keys := slices.Sorted(maps.Keys(union(before[i], after)))
		changed := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !touched(key) })
		if n := len(changed); n == 0 || n == len(keys) {
			t.Fatalf("%s: %d of %d rows change", bucket, n, len(keys))
		}
		if first := slices.IndexFunc(keys, touched); !slices.Equal(keys[first:first+len(changed)], changed) {
			t.Errorf("%s: of %q not side by side are\n%q", bucket, keys, changed)
		}
	}
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// rows are those of a bucket.
func (w *workshop) rows(bucket string) map[string]string {
	w.Helper()
	rows := map[string]string{}
	err := w.engine.View(w.Context(), func(tx store.Tx) error {
		for e, err := range tx.Scan(bucket, nil, nil) {
			if err != nil {
				return err
			}
			rows[string(e.Key)] = string(e.Value)
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return rows
}
