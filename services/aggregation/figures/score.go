package figures

import (
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/facts"
	"github.com/duban-project/duban/services/internal/store"
)

// Latest is the published score of a unit that counts.
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

// scored is what one result gave a unit: score and rank as a row has them.
type scored struct {
	day, origin string
	row         []byte
}

// ReadLatest returns the score of a unit, of those published until the end of day, or
// nil. It reads as many rows as the unit has scores, and as many facts as rounds gave
// them in the newest year.
func ReadLatest(tx store.Tx, unit, day string) (*Latest, error) {
	prefix := under(unit)
	var all []scored
	for e, err := range tx.Scan(scoresBucket, []byte(prefix), []byte(prefix+day+any)) {
		if err != nil {
			return nil, err
		}
		key := string(e.Key[len(prefix):])
		all = append(all, scored{key[:len(day)], key[len(day)+1:], e.Value})
	}
	return foremost(tx, unit, all)
}

// Latest is ReadLatest as was known at the past's moment.
func (p *Past) Latest(unit, day string) (*Latest, error) {
	prefix := under(unit)
	known := map[string]scored{}
	for e, err := range p.tx.Scan(scoredBucket, []byte(prefix), []byte(prefix+(p.at+1).key())) {
		if err != nil {
			return nil, err
		}
		name := string(e.Key[len(prefix)+len(p.at.key()):])
		delete(known, name)
		if len(e.Value) > 0 && string(e.Value[:len(day)]) <= day {
			known[name] = scored{string(e.Value[:len(day)]), name, e.Value[len(day):]}
		}
	}
	return foremost(p.tx, unit, slices.Collect(maps.Values(known)))
}

// foremost chooses the score that counts: of the newest year that has one, of the
// highest owner, the newest.
func foremost(tx store.Tx, unit string, all []scored) (*Latest, error) {
	if len(all) == 0 {
		return nil, nil
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(cmp.Compare(b.day, a.day), cmp.Compare(b.origin, a.origin)) })
	best, highest, tree := all[0], lowest, newTree(tx)
	for _, s := range all {
		if s.day[:len("2026")] != all[0].day[:len("2026")] {
			break
		}
		n, err := tree.above(unit, s)
		if err != nil {
			return nil, err
		}
		if n < highest {
			best, highest = s, n
		}
	}
	return readScore(best.origin, best.row)
}

// lowest is where an owner stands that is not above the unit: beneath all that are.
const lowest = depth

// above is how many units stood above the owner of the score's round at the end of the
// day on which it was published.
func (t *tree) above(unit string, s scored) (int, error) {
	round, _, _ := strings.Cut(s.origin, "/results/")
	b, there, err := store.Seek(t.tx, factsBucket, []byte(round))
	if err != nil || !there {
		return lowest, err
	}
	fact, err := facts.Decode(round, b)
	if err != nil {
		return lowest, err
	}
	at, err := dusk(s.day)
	if err != nil {
		return lowest, err
	}
	path, err := t.path(unit, at)
	if i := slices.Index(path, fact.Unit); i > 0 {
		return len(path) - 1 - i, err
	}
	return lowest, err
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
