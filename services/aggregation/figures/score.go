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

// scores writes what a round gave a unit, and when it became known.
func (f *Fold) scores(name string, before, after *aggregation.Fact) error {
	if before.Score != nil {
		if err := errors.Join(f.tx.Delete(scoresBucket, scoreKey(name, before)), f.tx.Put(scoredBucket, f.scoredKey(name, before), nil)); err != nil {
			return err
		}
	}
	if after.Score == nil {
		return nil
	}
	b := binary.AppendVarint(binary.AppendVarint(nil, after.Score.Milli), after.Score.Rank)
	return errors.Join(
		f.tx.Put(scoresBucket, scoreKey(name, after), b),
		f.tx.Put(scoredBucket, f.scoredKey(name, after), append([]byte(after.Score.Day), b...)),
	)
}

func scoreKey(name string, f *aggregation.Fact) []byte {
	return []byte(under(f.Unit) + f.Score.Day + zero + name)
}

func (f *Fold) scoredKey(name string, fact *aggregation.Fact) []byte {
	return []byte(under(fact.Unit) + f.at.key() + name)
}

var errScore = errors.New("a score that cannot be read")

// ReadLatest returns the newest score of a unit that was published until the end
// of day, or nil. It reads as many rows as the unit has scores.
func ReadLatest(tx store.Tx, unit, day string) (newest *Latest, err error) {
	prefix := under(unit)
	for e, err := range tx.Scan(scoresBucket, []byte(prefix), []byte(prefix+day+any)) {
		if err != nil {
			return nil, err
		}
		if newest, err = readScore(string(e.Key[len(prefix)+len(day)+1:]), e.Value); err != nil {
			return nil, err
		}
	}
	return newest, nil
}

// Latest is ReadLatest as was known at the past's moment.
func (p *Past) Latest(unit, day string) (*Latest, error) {
	prefix := under(unit)
	known := map[string][]byte{}
	for e, err := range p.tx.Scan(scoredBucket, []byte(prefix), []byte(prefix+(p.at+1).key())) {
		if err != nil {
			return nil, err
		}
		known[string(e.Key[len(prefix)+len(p.at.key()):])] = e.Value
	}
	newest, origin := "", ""
	for name, b := range known {
		if len(b) == 0 || string(b[:len(day)]) > day || string(b[:len(day)])+zero+name < newest {
			continue
		}
		newest, origin = string(b[:len(day)])+zero+name, name
	}
	if origin == "" {
		return nil, nil
	}
	return readScore(origin, known[origin][len(day):])
}

func readScore(origin string, b []byte) (*Latest, error) {
	milli, i := binary.Varint(b)
	if i <= 0 {
		return nil, errScore
	}
	rank, j := binary.Varint(b[i:])
	if j <= 0 {
		return nil, errScore
	}
	return &Latest{origin, milli, rank}, nil
}

// Value is the score in a latest metric.
func (l *Latest) Value(m aggregation.Metric) int64 {
	if m == aggregation.EvaluationRank {
		return l.Rank
	}
	return l.Milli
}
