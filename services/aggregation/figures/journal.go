package figures

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// The journal says what each change of a record counted, in the order of the
// stretches and moments at which it took effect: by it figures are told as they
// were known within a day.

// note writes a delta into the journal.
func (f *Fold) note(k kind, d aggregation.Delta) {
	key := f.stretch.key() + f.at.key() + f.name
	b := f.journal[key]
	for _, s := range []string{d.Unit, d.Campaign, d.Category, d.Source, d.Day} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = binary.AppendVarint(binary.AppendVarint(b, int64(k)), boolean(d.Accepted))
	b = binary.AppendVarint(binary.AppendVarint(b, int64(d.Metric)), d.N)
	f.journal[key] = b
}

func (f *Fold) writeJournal() error {
	for _, key := range slices.Sorted(maps.Keys(f.journal)) {
		before, _, err := store.Seek(f.tx, journalBucket, []byte(key))
		if err != nil {
			return err
		}
		if err := f.tx.Put(journalBucket, []byte(key), append(before, f.journal[key]...)); err != nil {
			return err
		}
	}
	clear(f.journal)
	return nil
}

// readJournal yields what became known in a stretch after a moment.
func readJournal(tx store.Tx, stretch, after moment, take func(kind, aggregation.Delta) error) error {
	from, to := stretch.key()+(after+1).key(), (stretch + 1).key()
	for e, err := range tx.Scan(journalBucket, []byte(from), []byte(to)) {
		if err != nil {
			return err
		}
		r := &reader{b: e.Value}
		for len(r.b) > 0 && !r.broken {
			var d aggregation.Delta
			for _, s := range []*string{&d.Unit, &d.Campaign, &d.Category, &d.Source, &d.Day} {
				*s = r.text()
			}
			k := kind(r.number())
			d.Accepted, d.Metric, d.N = r.number() == 1, aggregation.Metric(r.number()), r.number()
			if err := take(k, d); err != nil {
				return err
			}
		}
		if r.broken {
			return fmt.Errorf("the journal of figures cannot be read at %x", e.Key)
		}
	}
	return nil
}
