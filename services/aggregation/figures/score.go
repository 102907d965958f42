package figures

import (
	"encoding/binary"
	"errors"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Latest is the newest published score of a unit.
type Latest struct {
	// Origin is the result that it stands in.
	Origin      string
	Milli, Rank int64
}

// scores writes what a round gave a unit.
func (f *Fold) scores(name string, before, after *aggregation.Fact) error {
	if before.Score != nil {
		if err := f.tx.Delete(scoresBucket, scoreKey(name, before)); err != nil {
			return err
		}
	}
	if after.Score == nil {
		return nil
	}
	b := binary.AppendVarint(binary.AppendVarint(nil, after.Score.Milli), after.Score.Rank)
	return f.tx.Put(scoresBucket, scoreKey(name, after), b)
}

func scoreKey(name string, f *aggregation.Fact) []byte {
	return []byte(under(f.Unit) + f.Score.Day + zero + name)
}

var errScore = errors.New("a score that cannot be read")

// ReadLatest returns the newest score of a unit that was published until the
// end of day, or nil. It reads as many rows as the unit has scores.
func ReadLatest(tx store.Tx, unit, day string) (newest *Latest, err error) {
	prefix := under(unit)
	for e, err := range tx.Scan(scoresBucket, []byte(prefix), []byte(prefix+day+any)) {
		if err != nil {
			return nil, err
		}
		milli, i := binary.Varint(e.Value)
		if i <= 0 {
			return nil, errScore
		}
		rank, j := binary.Varint(e.Value[i:])
		if j <= 0 {
			return nil, errScore
		}
		newest = &Latest{string(e.Key[len(prefix)+len(day)+1:]), milli, rank}
	}
	return newest, nil
}

// Value is the score in a latest metric.
func (l *Latest) Value(m aggregation.Metric) int64 {
	if m == aggregation.EvaluationRank {
		return l.Rank
	}
	return l.Milli
}
