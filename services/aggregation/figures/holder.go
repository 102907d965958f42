package figures

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// holder says who has a figure of a unit: the source of reports of that name,
// with its form if the figure is a flow, or, if n is not 0, the feed.
type holder struct {
	source string
	n      int64
}

// holderKey names a figure that has one source: of a flow in each month, of
// anything else for good, because what stands carries over into every later
// month.
func holderKey(unit string, m aggregation.Metric, day string) string {
	period := ""
	if aggregation.Define(m).Flow() {
		period = day[:len("2006-01")]
	}
	return under(unit) + strconv.Itoa(int(m)) + zero + period
}

// admit says whether the feed has the figure that d changes, and if nobody has
// it, gives it to the feed.
func (f *Fold) admit(d aggregation.Delta) (bool, error) {
	if !reports.Reportable(d.Metric) {
		return true, nil
	}
	key := holderKey(d.Unit, d.Metric, d.Day)
	h, err := f.holder(key)
	if err != nil || h.source != "" {
		return false, err
	}
	if aggregation.Define(d.Metric).Flow() {
		h.n += d.N
	} else {
		h.n = 1
	}
	f.holders[key] = h
	return true, nil
}

func (f *Fold) holder(key string) (holder, error) {
	if h, ok := f.holders[key]; ok {
		return h, nil
	}
	b, err := f.tx.Get(holdersBucket, []byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return holder{}, nil
	}
	if err != nil {
		return holder{}, err
	}
	n, i := binary.Varint(b)
	if i <= 0 {
		return holder{}, fmt.Errorf("the holder of %q cannot be read", key)
	}
	return holder{string(b[i:]), n}, nil
}

func (f *Fold) writeHolders() error {
	for _, key := range slices.Sorted(maps.Keys(f.holders)) {
		h := f.holders[key]
		var err error
		if h == (holder{}) {
			err = f.tx.Delete(holdersBucket, []byte(key))
		} else {
			err = f.tx.Put(holdersBucket, []byte(key), append(binary.AppendVarint(nil, h.n), h.source...))
		}
		if err != nil {
			return err
		}
	}
	clear(f.holders)
	return nil
}
