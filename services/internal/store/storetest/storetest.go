// Package storetest is the suite that every store engine must pass. It knows an
// engine only by its promises; what an engine promises beyond store.Engine (a
// reserve, hooks, files) is tested beside the engine.
package storetest

import (
	"errors"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
)

// Run runs the suite, each case on an engine of its own. open returns an empty
// engine; the suite closes it.
func Run(t *testing.T, open func(testing.TB) store.Engine) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Engine)
	}{
		{"Get/absent", getAbsent},
		{"Get/copies", getCopies},
		{"Seek/there", seekThere},
		{"Seek/absent", seekAbsent},
		{"Put/copies", putCopies},
		{"Put/overwrites", putOverwrites},
		{"Put/nilIsEmpty", putNil},
		{"Put/refusesEmptyKey", putEmptyKey},
		{"Put/largeValue", putLarge},
		{"Delete/removes", deleteRemoves},
		{"Delete/absent", deleteAbsent},
		{"Bucket/separate", bucketsSeparate},
		{"Bucket/names", bucketNames},
		{"Scan/byteOrder", scanByteOrder},
		{"Scan/bounds", scanBounds},
		{"Scan/prefix", scanPrefix},
		{"Scan/pages", scanPages},
		{"Scan/stopsEarly", scanStops},
		{"Scan/copies", scanCopies},
		{"Scan/deletesWhileScanning", scanDeletes},
		{"Scan/putsWhileScanning", scanPuts},
		{"Scan/heedsContext", scanHeedsContext},
		{"Update/readsOwnWrites", readsOwnWrites},
		{"Update/undoesEveryKindOfWrite", undoesEveryKind},
		{"Update/rollsBackOnPanic", rollsBackOnPanic},
		{"Update/rollsBackWhenItsGoroutineEnds", rollsBackOnGoexit},
		{"Update/rollsBackWhenCancelledByThen", rollsBackWhenCancelled},
		{"Update/losesNoUpdate", losesNoUpdate},
		{"Update/hasNoWriteSkew", hasNoWriteSkew},
		{"Update/answersWhenVisible", answersWhenVisible},
		{"Update/refusesWhenReasonIsVisible", refusesWhenVisible},
		{"Update/failuresTouchNobodyElse", failuresTouchNobody},
		{"Update/cancelledCallersLeave", cancelledLeave},
		{"View/cannotWrite", viewCannotWrite},
		{"View/isSnapshot", viewIsSnapshot},
		{"View/seesNoRunningUpdate", viewSeesNoRunningUpdate},
		{"View/returnsItsError", viewReturnsError},
		{"Tx/endsWithItsFunction", txEnds},
		{"Context/done", contextDone},
		{"Close/refusesLaterCalls", closeRefuses},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t)
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.test(t, e)
		})
	}
}

// b is the bucket of most cases.
const b = "bucket"

var errBoom = errors.New("boom")

func update(t testing.TB, e store.Engine, fn func(store.Tx) error) {
	t.Helper()
	if err := e.Update(t.Context(), fn); err != nil {
		t.Errorf("Update: %v", err)
	}
}

func view(t testing.TB, e store.Engine, fn func(store.Tx) error) {
	t.Helper()
	if err := e.View(t.Context(), fn); err != nil {
		t.Errorf("View: %v", err)
	}
}

// put stores pairs of keys and values in one transaction.
func put(t testing.TB, e store.Engine, kv ...string) {
	t.Helper()
	update(t, e, func(tx store.Tx) error {
		for i := 0; i < len(kv); i += 2 {
			if err := tx.Put(b, []byte(kv[i]), []byte(kv[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

func get(t testing.TB, e store.Engine, key string) (value string, err error) {
	t.Helper()
	view(t, e, func(tx store.Tx) error {
		value, err = read(tx, key)
		return nil
	})
	return value, err
}

// read is Get on strings.
func read(tx store.Tx, key string) (string, error) {
	v, err := tx.Get(b, []byte(key))
	return string(v), err
}

// write is Put on strings.
func write(tx store.Tx, key, value string) error { return tx.Put(b, []byte(key), []byte(value)) }

func keys(t testing.TB, e store.Engine, from, to []byte) (keys []string) {
	t.Helper()
	view(t, e, func(tx store.Tx) error {
		for entry, err := range tx.Scan(b, from, to) {
			if err != nil {
				return err
			}
			keys = append(keys, string(entry.Key))
		}
		return nil
	})
	return keys
}

// contents is the whole bucket.
func contents(t testing.TB, e store.Engine) map[string]string {
	t.Helper()
	all := map[string]string{}
	view(t, e, func(tx store.Tx) error {
		for entry, err := range tx.Scan(b, nil, nil) {
			if err != nil {
				return err
			}
			all[string(entry.Key)] = string(entry.Value)
		}
		return nil
	})
	return all
}
