package change

import (
	"errors"
	"iter"
)

// Tell replaces, with an event of its own, those of the records of which changed makes
// another; of the others it makes nil. Records that an installation below keeps are
// passed over: they hear of it there.
func (k *Kind[T]) Tell(tx *Tx, event string, records iter.Seq2[T, error], changed func(T) T) error {
	var told []T
	for r, err := range records {
		if err != nil {
			return err
		}
		if r = changed(r); r.ProtoReflect().IsValid() {
			told = append(told, r)
		}
	}
	for _, r := range told {
		if _, err := k.PutAs(tx, event, r); err != nil && !errors.Is(err, ErrUnitRemote) {
			return err
		}
	}
	return nil
}
