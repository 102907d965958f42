package figures

import (
	"fmt"
	"maps"
	"slices"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/facts"
	"github.com/duban-project/duban/services/internal/store"
)

// The journal says what each change of a record counted, in the order of the
// stretches and moments at which it took effect: by it figures are told as they
// were known within a day.

// note writes a delta into the journal.
func (f *Fold) note(k kind, d aggregation.Delta) {
	key := f.stretch.key() + f.at.key() + f.name
	f.journal[key] = facts.AppendChange(f.journal[key], byte(k), d)
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
func readJournal(tx store.Tx, stretch, after moment, take func(kind, aggregation.Delta)) error {
	from, to := stretch.key()+(after+1).key(), (stretch + 1).key()
	for e, err := range tx.Scan(journalBucket, []byte(from), []byte(to)) {
		if err != nil {
			return err
		}
		if err := facts.Changes(e.Value, func(k byte, d aggregation.Delta) { take(kind(k), d) }); err != nil {
			return fmt.Errorf("the journal of figures at %x: %w", e.Key, err)
		}
	}
	return nil
}
